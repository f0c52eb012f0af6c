// SPDX-License-Identifier: Apache-2.0
// The normalisation that a network's options name, or none.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <variant>

#include "framework/config/config.h"
#include "framework/nn/layers.h"

namespace semiseg {

struct NormOptions {
  std::string kind = "batch";  // none, batch, group (affine), instance (not affine)
  int64_t groups = 16;         // for kind group

  // Reads the keys norm, norm_groups.
  static NormOptions read(const Config& section, NormOptions defaults);
};

// [N,C,S] → [N,C,S]. Collective for kind batch in training mode; channels must be a multiple of
// the groups.
class Norm {
 public:
  Norm(const Module& module, int64_t channels, const NormOptions& options);
  // activation(norm(x)); slope is that of the activation for negative values, 1 for none.
  at::Tensor operator()(const at::Tensor& x, const Pass& pass, double slope) const;
  // activation(norm(conv(x))); see BatchNorm::after.
  at::Tensor after(const Conv& conv, const at::Tensor& x, const Pass& pass, double slope) const;

 private:
  std::variant<std::monostate, BatchNorm, GroupNorm> layer_;
};

}  // namespace semiseg
