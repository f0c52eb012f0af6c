// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/feature_perturbation.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace semiseg {

at::Tensor feature_noise(const at::Tensor& x, double range, const std::string& draw,
                         const Pass& pass) {
  const at::Tensor noise = pass.draws->between(draw, x.sizes().slice(1), -range, range);
  return x * (1 + noise.to(x.scalar_type()));
}

at::Tensor element_dropout(const at::Tensor& x, double p, const std::string& draw,
                           const Pass& pass) {
  const at::Tensor keep = pass.draws->at_least(p, draw, x.sizes().slice(1), pass.samples);
  return x * keep.to(x.scalar_type()).mul_(1 / (1 - p));
}

at::Tensor attention_dropout(const at::Tensor& x, const std::string& draw, const Pass& pass) {
  if (x.size(0) == 0) return x;
  const at::Tensor attention = x.detach().mean(1, /*keepdim=*/true);
  std::vector<int64_t> axes;
  for (int64_t axis = 1; axis < x.dim(); ++axis) axes.push_back(axis);
  const at::Tensor share = pass.draws->between(draw, {1}, 0.7, 0.9).to(x.scalar_type());
  const at::Tensor threshold = attention.amax(axes, /*keepdim=*/true) * share;
  return x * (attention < threshold).to(x.scalar_type());
}

}  // namespace semiseg
