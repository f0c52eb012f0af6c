// SPDX-License-Identifier: Apache-2.0
// Layers on tokens, whose features are the last axis: what transformers are made of.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/nn/layers.h"

namespace semiseg {

// The initial weights of a linear layer.
enum class LinearInit { kTruncatedNormal, kXavierUniform };

// [..., in] → [..., out]. Weights begin by N(0, 0.02²) or Xavier-uniform, biases with 0.
class Linear {
 public:
  Linear(const Module& module, int64_t in, int64_t out, bool bias = true,
         LinearInit init = LinearInit::kTruncatedNormal);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_, bias_;
};

// Normalisation over the last axis with weight and bias.
class LayerNorm {
 public:
  LayerNorm(const Module& module, int64_t features, double epsilon = 1e-5);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  double epsilon_;
  at::Tensor weight_, bias_;
};

}  // namespace semiseg
