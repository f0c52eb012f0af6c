// SPDX-License-Identifier: Apache-2.0
// The usual predictor: one network in evaluation mode.
#pragma once

#include <ATen/core/grad_mode.h>

#include "framework/methods/method.h"

namespace semiseg {

class NetworkPredictor : public Predictor {
 public:
  explicit NetworkPredictor(Backbone& network) : network_(network) {}
  at::Tensor predict(const at::Tensor& image) override {
    const at::NoGradGuard no_grad;
    return network_.forward(image, Pass{.heads = {"deployed"}}).logits;  // no auxiliary one
  }
  const Backbone* network() const override { return &network_; }

 private:
  Backbone& network_;
};

}  // namespace semiseg
