// SPDX-License-Identifier: Apache-2.0
// The layers of networks that need more than ATen's functions: they own named parameters, and in
// training mode they synchronise over ranks (batch norm) or draw by name (dropout). Everything else
// is at::.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "framework/nn/backbone.h"
#include "framework/nn/conv.h"
#include "framework/nn/module.h"

namespace semiseg {

class Dropout;

// Batch normalisation over the global batch, [N,C,S] → [N,C,S]. Training: statistics of all ranks'
// samples; running mean and unbiased variance move by `momentum` if the pass tracks. Collective in
// training mode, forward and backward; throws kConfig when there is but one value for each channel.
// Evaluation: running statistics, local.
class BatchNorm {
 public:
  BatchNorm(const Module& module, int64_t channels, double epsilon = 1e-5, double momentum = 0.1);
  // dropout(activation(norm(x))), one after the other or, on the CPU, in one pass over x. slope is
  // that of the activation for negative values: 0 is ReLU, 1 none. The dropout may be null.
  at::Tensor operator()(const at::Tensor& x, const Pass& pass, double slope = 1,
                        const Dropout* dropout = nullptr) const;
  // Returns the same of conv(x). In evaluation mode the norm is folded into the weights of one
  // convolution, which is equal up to rounding.
  at::Tensor after(const Conv& conv, const at::Tensor& x, const Pass& pass, double slope = 1,
                   const Dropout* dropout = nullptr) const;

 private:
  std::string path_;
  double epsilon_, momentum_;
  at::Tensor weight_, bias_, running_mean_, running_var_, num_batches_tracked_;
};

// Group normalisation of each sample, [N,C,S] → [N,C,S]: zero mean and unit (biased) variance over
// C / groups channels and all of S, then weight and bias for each channel if affine. As many groups
// as channels: instance normalisation. Local, the same in both modes; throws kConfig when a group
// has but one value.
class GroupNorm {
 public:
  GroupNorm(const Module& module, int64_t channels, int64_t groups, bool affine = true,
            double epsilon = 1e-5);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  std::string path_;
  int64_t groups_;
  double epsilon_;
  at::Tensor weight_, bias_;  // undefined if not affine
};

enum class DropoutKind {
  kElement,  // one draw for each element
  kChannel,  // one for each channel of a sample
};

// Dropout of training mode: keeps where u ≥ p and scales by 1/(1-p); u = draws
// "dropout/<pass>/<path of the layer>", one block for each sample. p = 0 draws nothing.
class Dropout {
 public:
  Dropout(const Module& module, double p, DropoutKind kind = DropoutKind::kElement);  // p in [0, 1)
  at::Tensor operator()(const at::Tensor& x, const Pass& pass) const;
  // Returns the mask of training mode: uint8, 1 where it keeps; x's shape, or [N,C,1…] if it drops
  // channels.
  at::Tensor keep(const at::Tensor& x, const Pass& pass) const;
  double p() const { return p_; }

 private:
  std::string path_;
  double p_;
  DropoutKind kind_;
};

}  // namespace semiseg
