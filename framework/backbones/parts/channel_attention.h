// SPDX-License-Identifier: Apache-2.0
// The attention between channels of SKCDF: Zhang et al., CVPR 2025; yinguanchun/SKCDF, after
// AllSpark. Tokens t [B,n,P,E]: B images, n patches, P positions of a patch, E channels.
//
//   a = LN(t);  q, k, v = W a [B,n,P,2E];  S = qᵀ k, summed over positions;
//   S ← (S − mean S) / √(var S + 1e-5) over each whole matrix;  o = softmax(S) v, then linear to E
//   y = GELU(conv 1³ (LN(o + t)))
//
// labelled path    the first half of the batch is labelled: an image's q meets k and v of all
//                  images of the other half, side by side; gradients flow through labelled tokens
//                  alone
// unlabelled path  each image alone, in `heads` groups of channels
//
// local   tokens from a convolution 1 → 8 of kernel and stride 2³ on each channel; P = 8
// global  tokens from a convolution over the whole grid on each channel; one patch of all
//         positions. Its heads are blocks of channels, and the result interleaves them, as in the
//         reference
#pragma once

#include <ATen/core/Tensor.h>

#include <array>

#include "framework/backbones/parts/token_layers.h"

namespace semiseg {

struct ChannelAttentionOptions {
  int64_t channels = 512, heads = 2;
  std::array<int64_t, 3> grid = {};  // sides of the map, even
  bool is_global = false;
  double dropout = 0.1;
};

class ChannelAttention {
 public:
  ChannelAttention(const Module& module, const ChannelAttentionOptions& options);
  // x [B,E,grid] → the same; `labelled` images stand first, or -1 for the unlabelled path.
  at::Tensor operator()(const at::Tensor& x, int64_t labelled, const Pass& pass) const;

 private:
  at::Tensor tokens_of(const at::Tensor& x) const;
  at::Tensor map_of(const at::Tensor& tokens) const;
  at::Tensor across(const at::Tensor& a, int64_t labelled, const Pass& pass) const;
  at::Tensor alone(const at::Tensor& a, const Pass& pass) const;
  at::Tensor mixed(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                   const Pass& pass) const;

  ChannelAttentionOptions options_;
  Conv tokens_, unused_;
  LayerNorm attention_norm_;
  Linear q_, k_, v_, out_;
  LayerNorm map_norm_;
  Conv map_;
  Dropout weights_dropout_, out_dropout_;
};

}  // namespace semiseg
