// SPDX-License-Identifier: Apache-2.0
// A predictor of two networks in evaluation mode: the mean of their probabilities.
#pragma once

#include "framework/methods/method.h"

namespace semiseg {

class MeanPredictor : public Predictor {
 public:
  // Both outlive the predictor.
  MeanPredictor(Backbone& first, Backbone& second) : first_(first), second_(second) {}
  // Returns the logarithm of the mean, whose softmax is the mean.
  at::Tensor predict(const at::Tensor& image) override;

 private:
  Backbone &first_, &second_;
};

}  // namespace semiseg
