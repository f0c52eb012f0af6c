// SPDX-License-Identifier: Apache-2.0
#include "launch/precision.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/log.h"
#include "launch/wrapped_backbone.h"

namespace semiseg {
namespace {

// Layers cast their parameters to what comes in, so the image alone decides.
class NarrowBackbone : public WrappedBackbone {
 public:
  NarrowBackbone(std::unique_ptr<Backbone> network, at::ScalarType dtype)
      : WrappedBackbone(std::move(network)), dtype_(dtype) {}

  NetworkOutput forward(const at::Tensor& image, const Pass& pass) override {
    NetworkOutput out = network_->forward(image.to(dtype_), pass);
    out.logits = out.logits.to(at::kFloat);
    for (at::Tensor& more : out.more) more = more.to(at::kFloat);
    return out;
  }

 private:
  at::ScalarType dtype_;
};

// Shortest of five, in seconds: the size of a middle layer on a small batch.
double convolution_seconds(at::ScalarType dtype) {
  using Clock = std::chrono::steady_clock;
  const auto options =
      at::TensorOptions().dtype(dtype).memory_format(at::MemoryFormat::ChannelsLast);
  const at::Tensor image = at::ones({4, 32, 64, 64}, options),
                   kernel = at::ones({32, 32, 3, 3}, options);
  double shortest = 1;
  for (int run = 0; run < 6; ++run) {
    const auto start = Clock::now();
    at::conv2d(image, kernel, /*bias=*/{}, /*stride=*/1, /*padding=*/1);
    const std::chrono::duration<double> taken = Clock::now() - start;
    if (run > 0) shortest = std::min(shortest, taken.count());
  }
  return shortest;
}

}  // namespace

void check_precision(const std::string& precision, at::Device device, const std::string& where) {
  if ((precision != "tf32" && precision != "float16") || !device.is_cpu()) return;
  throw Error(ErrorKind::kConfig, {.what = precision + " needs a GPU",
                                   .where = where,
                                   .expected = "float32, float64 or bfloat16 on the CPU",
                                   .got = precision,
                                   .fix = "leave the precision out, or run where a GPU is"});
}

std::string fastest_precision(at::Device device) {
  if (!device.is_cpu()) return "tf32";
  const double ratio = convolution_seconds(at::kFloat) / convolution_seconds(at::kBFloat16);
  const std::string choice = ratio >= 1.2 ? "bfloat16" : "float32";
  log::info("precision: {}; a convolution in bfloat16 is {:.1f} times as fast as in float32 here",
            choice, ratio);
  return choice;
}

std::unique_ptr<Backbone> with_precision(std::unique_ptr<Backbone> network,
                                         const std::string& precision) {
  if (precision != "bfloat16" && precision != "float16") return network;
  return std::make_unique<NarrowBackbone>(std::move(network),
                                          precision == "float16" ? at::kHalf : at::kBFloat16);
}

}  // namespace semiseg
