// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/upsample.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace semiseg {
namespace {

// [to, from]: row o holds the weights of output o, which lies at o (from - 1) / (to - 1).
at::Tensor interpolation(int64_t from, int64_t to, const at::TensorOptions& options) {
  const double scale = to > 1 ? static_cast<double>(from - 1) / static_cast<double>(to - 1) : 0.0;
  const at::Tensor place = at::arange(to, options).mul_(scale).unsqueeze(1);
  return (1 - (place - at::arange(from, options)).abs()).clamp_min_(0);
}

}  // namespace

at::Tensor upsample_bilinear(const at::Tensor& x, at::IntArrayRef size) {
  if (x.device().is_cpu()) return at::upsample_bilinear2d(x, size, /*align_corners=*/true);
  // Weights are computed in float32 at least: bfloat16 is too coarse for the position of a pixel.
  const auto dtype = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto options = x.options().dtype(dtype);
  const at::Tensor rows = interpolation(x.size(2), size[0], options).to(x.scalar_type()),
                   columns = interpolation(x.size(3), size[1], options).to(x.scalar_type());
  return at::matmul(rows, at::matmul(x, columns.t()));
}

}  // namespace semiseg
