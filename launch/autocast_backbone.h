// SPDX-License-Identifier: Apache-2.0
// A network that computes in bfloat16 where that is safe: LibTorch's autocast around its forward
// pass. Parameters, statistics and what comes out stay float32.
#pragma once

#include <ATen/autocast_mode.h>

#include <memory>
#include <string>
#include <utility>

#include "framework/nn/backbone.h"

namespace semiseg {

class AutocastBackbone : public Backbone {
 public:
  explicit AutocastBackbone(std::unique_ptr<Backbone> network) : network_(std::move(network)) {}

  NetworkOutput forward(const at::Tensor& image, const Pass& pass) override {
    const Autocast autocast(image.device().type());
    NetworkOutput out = network_->forward(image, pass);
    out.logits = out.logits.to(at::kFloat);
    out.features = out.features.to(at::kFloat);
    for (at::Tensor& more : out.more) more = more.to(at::kFloat);
    return out;
  }
  Classifier classifier() const override { return network_->classifier(); }
  const std::vector<NamedTensor>& parameters() const override { return network_->parameters(); }
  const std::vector<NamedTensor>& buffers() const override { return network_->buffers(); }

 private:
  // Casts of weights are kept for the pass alone: the next one may see other weights.
  class Autocast {
   public:
    explicit Autocast(at::DeviceType device)
        : device_(device), was_on_(at::autocast::is_autocast_enabled(device)) {
      at::autocast::set_autocast_enabled(device_, true);
      at::autocast::set_autocast_dtype(device_, at::kBFloat16);
      at::autocast::increment_nesting();
    }
    ~Autocast() {
      if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
      at::autocast::set_autocast_enabled(device_, was_on_);
    }
    Autocast(const Autocast&) = delete;
    Autocast& operator=(const Autocast&) = delete;

   private:
    at::DeviceType device_;
    bool was_on_;
  };

  std::unique_ptr<Backbone> network_;
};

// The network as protocol.precision wants it.
inline std::unique_ptr<Backbone> with_precision(std::unique_ptr<Backbone> network,
                                                const std::string& precision) {
  if (precision != "bfloat16") return network;
  return std::make_unique<AutocastBackbone>(std::move(network));
}

}  // namespace semiseg
