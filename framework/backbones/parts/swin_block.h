// SPDX-License-Identifier: Apache-2.0
// The block of the Swin Transformer: Liu et al., ICCV 2021, on maps [N,H,W,C] (features last).
//
//   x ← x + drop(attention(LN(x))),  x ← x + drop(MLP(LN(x)))
//
// Attention runs inside windows of `window`² tokens with a bias for each head and relative
// position; with a shift, windows lie half a window further and tokens of other regions are masked.
// `drop` leaves a sample's branch out with a probability (stochastic depth; Huang et al., ECCV
// 2016).
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/backbones/parts/token_layers.h"

namespace semiseg {

struct SwinBlockOptions {
  int64_t features = 96, heads = 3, window = 7;
  bool shifted = false;  // where the map is larger than a window
  double path_dropout = 0;
};

class SwinBlock {
 public:
  SwinBlock(const Module& module, const SwinBlockOptions& options);
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;

 private:
  at::Tensor attend(const at::Tensor& x) const;
  at::Tensor attend_in_windows(const at::Tensor& windows, const at::Tensor& mask) const;
  at::Tensor drop(const at::Tensor& branch, const Dropout& path, const Pass& pass) const;

  SwinBlockOptions options_;
  LayerNorm norm1_;
  at::Tensor bias_table_;  // [(2 window - 1)², heads]
  Linear qkv_, projection_;
  LayerNorm norm2_;
  Linear fc1_, fc2_;
  Dropout path1_, path2_;
};

}  // namespace semiseg
