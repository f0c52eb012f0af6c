// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/wrapped_backbone.h"

#ifdef SEMISEG_HAS_CUDA
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "framework/core/device.h"
#endif

namespace semiseg {

#ifdef SEMISEG_HAS_CUDA
namespace {

constexpr size_t kMostShapes = 8;  // each keeps the memory of a pass for itself
constexpr int kWarmUps = 2;        // passes in which libraries choose kernels and take workspace

// One shape: the pass from `image_` to `output_`, in memory of its own.
class RecordedPass {
 public:
  RecordedPass(Backbone& network, const at::Tensor& image, const Pass& pass,
               c10::cuda::CUDAStream stream)
      : image_(image.clone()) {
    wait_for(image.device());
    {
      const c10::cuda::CUDAStreamGuard guard(stream);
      for (int i = 0; i < kWarmUps; ++i) network.forward(image_, pass);
      // Captures this thread only, because loader threads may pin memory meanwhile.
      graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      output_ = network.forward(image_, pass);
      graph_.capture_end();
    }
    wait_for(image.device());
  }

  NetworkOutput operator()(const at::Tensor& image) {
    image_.copy_(image);
    graph_.replay();
    NetworkOutput copy{output_.logits.clone(), output_.features.clone()};
    for (const NamedTensor& other : output_.others)
      copy.others.push_back({other.name, other.value.clone()});
    return copy;
  }

 private:
  at::Tensor image_;
  at::cuda::CUDAGraph graph_;
  NetworkOutput output_;
};

class GraphedBackbone : public WrappedBackbone {
 public:
  explicit GraphedBackbone(std::unique_ptr<Backbone> network)
      : WrappedBackbone(std::move(network)), stream_(c10::cuda::getStreamFromPool()) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const at::Tensor& image = input.image;
    const bool is_plain = input.extras.empty() && pass.feature_dropouts.empty();
    if (pass.mode == NetworkMode::kTrain || at::GradMode::is_enabled() || !image.is_cuda() ||
        !is_plain)
      return network_->forward(input, pass);
    const Key key{image.sizes().vec(), image.strides().vec(), image.scalar_type(), pass.heads};
    auto found = passes_.find(key);
    if (found == passes_.end()) {
      if (passes_.size() == kMostShapes) return network_->forward(input, pass);
      found = passes_.emplace(key, std::make_unique<RecordedPass>(*network_, image, pass, stream_))
                  .first;
    }
    return (*found->second)(image);
  }

 private:
  using Key = std::tuple<std::vector<int64_t>, std::vector<int64_t>, at::ScalarType,
                         std::vector<std::string>>;
  c10::cuda::CUDAStream stream_;  // of all recordings, so that they reuse the memory of warm-ups
  std::map<Key, std::unique_ptr<RecordedPass>> passes_;
};

}  // namespace
#endif

std::unique_ptr<Backbone> with_graphs(std::unique_ptr<Backbone> network,
                                      [[maybe_unused]] at::Device device) {
#ifdef SEMISEG_HAS_CUDA
  if (device.is_cuda()) return std::make_unique<GraphedBackbone>(std::move(network));
#endif
  return network;
}

}  // namespace semiseg
