// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/norm.h"

#include <ATen/Functions.h>

namespace semiseg {

NormOptions NormOptions::read(const Config& section, NormOptions defaults) {
  NormOptions o = defaults;
  section.read(
      "norm", o.kind, {"none", "batch", "group", "instance"},
      "Normalisation after each convolution. Take group or instance when the batch is small.");
  section.read("norm_groups", o.groups, {1, 65536},
               "Number of groups of channels, for norm = group.");
  return o;
}

Norm::Norm(const Module& module, int64_t channels, const NormOptions& options) {
  if (options.kind == "batch") layer_.emplace<BatchNorm>(module, channels);
  if (options.kind == "group") layer_.emplace<GroupNorm>(module, channels, options.groups);
  if (options.kind == "instance")
    layer_.emplace<GroupNorm>(module, channels, /*groups=*/channels, /*affine=*/false);
}

at::Tensor Norm::operator()(const at::Tensor& x, const Pass& pass, double slope) const {
  if (const auto* batch = std::get_if<BatchNorm>(&layer_)) return (*batch)(x, pass, slope);
  const auto* group = std::get_if<GroupNorm>(&layer_);
  const at::Tensor y = group ? (*group)(x) : x;
  return slope == 1 ? y : at::leaky_relu(y, slope);
}

at::Tensor Norm::after(const Conv& conv, const at::Tensor& x, const Pass& pass,
                       double slope) const {
  if (const auto* batch = std::get_if<BatchNorm>(&layer_))
    return batch->after(conv, x, pass, slope);
  at::Tensor y = conv(x);
  if (const auto* group = std::get_if<GroupNorm>(&layer_)) y = (*group)(y);
  return slope == 1 ? y : at::leaky_relu_(y, slope);
}

}  // namespace semiseg
