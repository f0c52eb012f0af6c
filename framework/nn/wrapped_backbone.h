// SPDX-License-Identifier: Apache-2.0
// Decorators of a network that change only its forward pass: their base, and the one that replays
// CUDA graphs.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

class WrappedBackbone : public Backbone {
 public:
  Classifier classifier() const override { return network_->classifier(); }
  Classifier head(std::string_view name) const override { return network_->head(name); }
  at::Tensor project(std::string_view head, const at::Tensor& rows, const Pass& pass) override {
    return network_->project(head, rows, pass);
  }
  const std::vector<NamedTensor>& parameters() const override { return network_->parameters(); }
  const std::vector<NamedTensor>& buffers() const override { return network_->buffers(); }

 protected:
  explicit WrappedBackbone(std::unique_ptr<Backbone> network) : network_(std::move(network)) {}
  std::unique_ptr<Backbone> network_;
};

// Records the network's evaluation passes on a GPU once for each shape (a CUDA graph) and replays them
// as a whole: the host launches one graph instead of some hundred kernels. Training passes are not
// recorded, because the host passes different random keys in each step. The same kernels run, so the
// outputs should have the bits of the network's own (gpu_test compares them); they are copies, which later passes do not overwrite. Parameters may change between
// passes, in place. Returns the network itself when images are on the CPU or this build has no
// CUDA.
std::unique_ptr<Backbone> with_graphs(std::unique_ptr<Backbone> network, at::Device device);

}  // namespace semiseg
