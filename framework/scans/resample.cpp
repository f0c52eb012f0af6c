// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/resample.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// Index along one axis: target i reads source first + i step.
struct AxisMap {
  double first, step;
};

// Least squares of `to`'s axis in `from`'s, which is exact for parallel axes; the rest must be 0.
std::array<AxisMap, 3> axis_maps(const ScanGeometry& from, const ScanGeometry& to) {
  std::array<AxisMap, 3> maps;
  const auto& f = from.affine;
  const auto& t = to.affine;
  for (int axis = 0; axis < 3; ++axis) {
    double along = 0, across = 0;
    for (int row = 0; row < 3; ++row) along += f[4 * row + axis] * t[4 * row + axis];
    maps[axis].step = along / (from.spacing_mm[axis] * from.spacing_mm[axis]);
    for (int row = 0; row < 3; ++row) {
      across = std::max(across, std::abs(t[4 * row + axis] - maps[axis].step * f[4 * row + axis]));
    }
    SEMISEG_CHECK(across <= 1e-4 * to.spacing_mm[axis], "the axes of both grids are parallel");
  }
  // The origin of `to` in voxels of `from`: Cramer, since axes may be oblique.
  const auto det = [](const std::array<std::array<double, 3>, 3>& c) {
    return c[0][0] * (c[1][1] * c[2][2] - c[1][2] * c[2][1]) -
           c[1][0] * (c[0][1] * c[2][2] - c[0][2] * c[2][1]) +
           c[2][0] * (c[0][1] * c[1][2] - c[0][2] * c[1][1]);
  };
  std::array<std::array<double, 3>, 3> columns;
  std::array<double, 3> offset;
  for (int row = 0; row < 3; ++row) {
    for (int axis = 0; axis < 3; ++axis) columns[axis][row] = f[4 * row + axis];
    offset[row] = t[4 * row + 3] - f[4 * row + 3];
  }
  const double whole = det(columns);
  for (int axis = 0; axis < 3; ++axis) {
    auto changed = columns;
    changed[axis] = offset;
    maps[axis].first = det(changed) / whole;
  }
  return maps;
}

at::Tensor along(const at::Tensor& vector, int64_t dim, int64_t dims) {
  std::vector<int64_t> shape(dims, 1);
  shape[dim] = vector.size(0);
  return vector.view(shape);
}

at::Tensor resample_axis(const at::Tensor& values, int64_t dim, const AxisMap& map, int64_t count,
                         Interpolation interpolation, double outside) {
  const int64_t size = values.size(dim);
  std::vector<int64_t> low(count), high(count);
  std::vector<float> weight(count);
  std::vector<uint8_t> beyond(count);
  bool any_beyond = false, identity = size == count;
  for (int64_t i = 0; i < count; ++i) {
    double at = map.first + static_cast<double>(i) * map.step;
    // Voxel centres that differ by rounding of the affine are the same.
    if (std::abs(at - std::round(at)) < 1e-5) at = std::round(at);
    beyond[i] = at < -0.5 || at > static_cast<double>(size) - 0.5;
    any_beyond |= beyond[i] != 0;
    at = std::clamp(at, 0.0, static_cast<double>(size - 1));
    const double below = std::floor(interpolation == Interpolation::kNearest ? at + 0.5 : at);
    low[i] = std::min(static_cast<int64_t>(below), size - 1);
    high[i] = std::min(low[i] + 1, size - 1);
    weight[i] = static_cast<float>(at - below);
    identity &= low[i] == i && (weight[i] == 0 || interpolation == Interpolation::kNearest);
  }
  if (identity && !any_beyond) return values;
  at::Tensor result = values.index_select(dim, at::tensor(low));
  if (interpolation == Interpolation::kLinear) {
    const at::Tensor w = along(at::tensor(weight), dim, values.dim());
    result = at::lerp(result, values.index_select(dim, at::tensor(high)),
                      w.to(values.scalar_type()).expand_as(result));
  }
  if (!any_beyond) return result;
  return result.masked_fill(along(at::tensor(beyond).to(at::kBool), dim, values.dim()), outside);
}

}  // namespace

ScanGeometry with_spacing(const ScanGeometry& grid, const std::array<double, 3>& spacing_mm) {
  ScanGeometry result = grid;
  for (int axis = 0; axis < 3; ++axis) {
    if (spacing_mm[axis] == 0) continue;
    result.spacing_mm[axis] = spacing_mm[axis];
    const double ratio = spacing_mm[axis] / grid.spacing_mm[axis];
    const auto old_size = static_cast<double>(grid.size[axis]);
    result.size[axis] = std::max<int64_t>(1, std::llround(old_size / ratio));
    const double shift =
        (old_size - 1) / 2 - ratio * static_cast<double>(result.size[axis] - 1) / 2;
    for (int row = 0; row < 3; ++row) {
      result.affine[4 * row + axis] = ratio * grid.affine[4 * row + axis];
      result.affine[4 * row + 3] += shift * grid.affine[4 * row + axis];
    }
  }
  return result;
}

ScanGeometry sub_grid(const ScanGeometry& grid, const std::array<int64_t, 3>& begin,
                      const std::array<int64_t, 3>& end) {
  ScanGeometry result = grid;
  for (int axis = 0; axis < 3; ++axis) {
    result.size[axis] = end[axis] - begin[axis];
    for (int row = 0; row < 3; ++row) {
      result.affine[4 * row + 3] += static_cast<double>(begin[axis]) * grid.affine[4 * row + axis];
    }
  }
  return result;
}

at::Tensor resample(const at::Tensor& values, const ScanGeometry& from, const ScanGeometry& to,
                    Interpolation interpolation, double outside) {
  SEMISEG_CHECK(
      values.dim() >= 3 && values.sizes().slice(values.dim() - 3) == at::IntArrayRef(from.size),
      "the voxels belong to the grid");
  SEMISEG_CHECK(interpolation == Interpolation::kNearest || values.is_floating_point(),
                "only real numbers are interpolated");
  const std::array<AxisMap, 3> maps = axis_maps(from, to);
  at::Tensor result = values;
  for (int axis = 0; axis < 3; ++axis) {
    result = resample_axis(result, values.dim() - 3 + axis, maps[axis], to.size[axis],
                           interpolation, outside);
  }
  return result.contiguous();
}

}  // namespace semiseg
