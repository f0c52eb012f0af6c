// SPDX-License-Identifier: Apache-2.0
// A network whose forward passes show up in the profile.
#pragma once

#include <memory>
#include <utility>

#include "framework/core/profile.h"
#include "framework/nn/backbone.h"

namespace semiseg {

class TimedBackbone : public Backbone {
 public:
  explicit TimedBackbone(std::unique_ptr<Backbone> network) : network_(std::move(network)) {}

  NetworkOutput forward(const at::Tensor& image, const Pass& pass) override {
    const profile::Span span(pass.mode == NetworkMode::kTrain ? "forward" : "forward to evaluate");
    return network_->forward(image, pass);
  }
  Classifier classifier() const override { return network_->classifier(); }
  const std::vector<NamedTensor>& parameters() const override { return network_->parameters(); }
  const std::vector<NamedTensor>& buffers() const override { return network_->buffers(); }

 private:
  std::unique_ptr<Backbone> network_;
};

}  // namespace semiseg
