// SPDX-License-Identifier: Apache-2.0
// The usual predictors, of networks in evaluation mode: one network, or the mean of two.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
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

// Two networks: the mean of their probabilities.
class MeanPredictor : public Predictor {
 public:
  // Both outlive the predictor.
  MeanPredictor(Backbone& first, Backbone& second) : first_(first), second_(second) {}
  // Returns the logarithm of the mean, whose softmax is the mean.
  at::Tensor predict(const at::Tensor& image) override {
    const at::NoGradGuard no_grad;
    const Pass pass{.heads = {"deployed"}};
    const at::Tensor sum = first_.forward(image, pass).logits.softmax(1) +
                           second_.forward(image, pass).logits.softmax(1);
    return (sum / 2).log();
  }

 private:
  Backbone &first_, &second_;
};

}  // namespace semiseg
