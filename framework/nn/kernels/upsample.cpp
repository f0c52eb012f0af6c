// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/upsample.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <functional>

namespace semiseg {
namespace {

// [to, from]: row o holds the weights of output o, which lies at o (from - 1) / (to - 1).
at::Tensor interpolation(int64_t from, int64_t to, const at::TensorOptions& options) {
  const double scale = to > 1 ? static_cast<double>(from - 1) / static_cast<double>(to - 1) : 0.0;
  const at::Tensor place = at::arange(to, options).mul_(scale).unsqueeze(1);
  return (1 - (place - at::arange(from, options)).abs()).clamp_min_(0);
}

// Weights are computed in float32 at least: bfloat16 is too coarse for the position of a pixel.
at::ScalarType dtype_of_weights(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

using OneAxis = std::function<at::Tensor(const at::Tensor& x, int64_t to)>;

// [to, from] of any interpolation along one axis: what it makes of each unit vector, on the CPU.
at::Tensor matrix_of(const at::Tensor& like, int64_t from, int64_t to, const OneAxis& upsample) {
  const at::Tensor units = at::eye(from, at::TensorOptions().dtype(dtype_of_weights(like)));
  return upsample(units, to).t().to(like.device(), like.scalar_type());
}

// The same interpolation along every spatial axis.
at::Tensor along_axes(const at::Tensor& x, at::IntArrayRef size, const OneAxis& upsample) {
  at::Tensor y = x;
  for (int64_t axis = 2; axis < x.dim(); ++axis) {
    const at::Tensor matrix =
        matrix_of(x, x.size(axis), size[static_cast<size_t>(axis - 2)], upsample);
    y = at::matmul(y.movedim(axis, -1), matrix.t()).movedim(-1, axis);
  }
  return y;
}

}  // namespace

at::Tensor upsample_bilinear(const at::Tensor& x, at::IntArrayRef size) {
  if (x.device().is_cpu()) return at::upsample_bilinear2d(x, size, /*align_corners=*/true);
  const auto options = x.options().dtype(dtype_of_weights(x));
  const at::Tensor rows = interpolation(x.size(2), size[0], options).to(x.scalar_type()),
                   columns = interpolation(x.size(3), size[1], options).to(x.scalar_type());
  return at::matmul(rows, at::matmul(x, columns.t()));
}

at::Tensor upsample_bicubic(const at::Tensor& x, at::IntArrayRef size) {
  if (x.device().is_cpu()) return at::upsample_bicubic2d(x, size, /*align_corners=*/true);
  return along_axes(x, size, [](const at::Tensor& units, int64_t to) {
    return at::upsample_bicubic2d(units.view({-1, 1, 1, units.size(1)}), {1, to}, true)
        .flatten(0, 2);
  });
}

at::Tensor upsample_trilinear(const at::Tensor& x, at::IntArrayRef size, bool align_corners) {
  if (x.device().is_cpu()) return at::upsample_trilinear3d(x, size, align_corners);
  return along_axes(x, size, [align_corners](const at::Tensor& units, int64_t to) {
    return at::upsample_linear1d(units.unsqueeze(1), {to}, align_corners).flatten(0, 1);
  });
}

at::Tensor upsample_nearest(const at::Tensor& x, at::IntArrayRef size) {
  return x.dim() == 4 ? at::upsample_nearest2d(x, size) : at::upsample_nearest3d(x, size);
}

}  // namespace semiseg
