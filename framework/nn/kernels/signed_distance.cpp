// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/label_maps.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();

// Makes each squared distance of a line the minimum over the line of value + (distance in pixels)².
// Each search goes outwards, so that a line near its targets costs few steps.
void spread_along(std::vector<double>& line) {
  const auto size = static_cast<int64_t>(line.size());
  const std::vector<double> values = line;
  for (int64_t i = 0; i < size; ++i) {
    double& best = line[static_cast<size_t>(i)];
    for (int64_t step = 1; step < size; ++step) {
      const auto squared = static_cast<double>(step * step);
      if (squared >= best) break;
      for (const int64_t j : {i - step, i + step}) {
        if (j >= 0 && j < size) best = std::min(best, values[static_cast<size_t>(j)] + squared);
      }
    }
  }
}

// Distance of every pixel [S] to the nearest one of `target` (bool [S]).
at::Tensor distance_to(const at::Tensor& target) {
  at::Tensor squared =
      at::where(target, at::zeros({}, at::kDouble), at::full({}, kFar, at::kDouble)).contiguous();
  double* value = squared.mutable_data_ptr<double>();
  for (int64_t axis = 0; axis < squared.dim(); ++axis) {
    const int64_t side = squared.size(axis), stride = squared.stride(axis);
    std::vector<double> line(static_cast<size_t>(side));
    for (int64_t first = 0; first < squared.numel(); ++first) {
      if (first / stride % side != 0) continue;  // not the start of a line
      for (int64_t i = 0; i < side; ++i) line[static_cast<size_t>(i)] = value[first + i * stride];
      spread_along(line);
      for (int64_t i = 0; i < side; ++i) value[first + i * stride] = line[static_cast<size_t>(i)];
    }
  }
  return squared.sqrt();
}

at::Tensor to_unit(const at::Tensor& distance) {
  const at::Tensor low = distance.min();
  return (distance - low) / (distance.max() - low);
}

// Foreground pixels with a background pixel beside them along some axis.
at::Tensor inner_border(const at::Tensor& foreground) {
  const at::Tensor background = foreground.logical_not();
  at::Tensor near = at::zeros_like(foreground);
  for (int64_t axis = 0; axis < foreground.dim(); ++axis) {
    const int64_t side = foreground.size(axis);
    near.narrow(axis, 1, side - 1).logical_or_(background.narrow(axis, 0, side - 1));
    near.narrow(axis, 0, side - 1).logical_or_(background.narrow(axis, 1, side - 1));
  }
  return near.logical_and(foreground);
}

}  // namespace

at::Tensor signed_distance(const at::Tensor& label) {
  SEMISEG_CHECK(label.dim() == 3 || label.dim() == 4, "a label is [N,H,W] or [N,D,H,W]");
  const at::Tensor foreground = label.cpu() != 0;
  at::Tensor result = at::zeros(label.sizes(), at::kDouble);
  for (int64_t n = 0; n < label.size(0); ++n) {
    const at::Tensor inside = foreground[n], outside = inside.logical_not();
    if (!inside.any().item<bool>() || !outside.any().item<bool>()) continue;
    const at::Tensor map = to_unit(distance_to(inside)) - to_unit(distance_to(outside));
    result[n].copy_(map.masked_fill(inner_border(inside), 0));
  }
  return result;
}

}  // namespace semiseg
