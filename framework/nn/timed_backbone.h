// SPDX-License-Identifier: Apache-2.0
// A network whose forward passes are spans of the profile.
#pragma once

#include <memory>
#include <utility>

#include "framework/core/profile.h"
#include "framework/nn/wrapped_backbone.h"

namespace semiseg {

class TimedBackbone : public WrappedBackbone {
 public:
  explicit TimedBackbone(std::unique_ptr<Backbone> network) : WrappedBackbone(std::move(network)) {}

  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override {
    const profile::Span span(pass.mode == NetworkMode::kTrain ? "forward" : "forward to evaluate");
    return network_->forward(input, pass);
  }
};

}  // namespace semiseg
