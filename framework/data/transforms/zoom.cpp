// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/zoom.h"

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"

namespace semiseg {

std::vector<int64_t> zoom_indices(int64_t in, int64_t out, ZoomEdge edge) {
  SEMISEG_CHECK(in >= 1 && out >= 1, "a zoom needs sides of at least 1");
  const double last = static_cast<double>(in - 1);
  // One division and then products, in this order: the rounding decides where the last coordinate
  // runs past the end.
  const double step = out > 1 ? last / static_cast<double>(out - 1) : 1.0;
  std::vector<int64_t> indices(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const double coordinate = static_cast<double>(i) * step;
    const bool is_past_end = coordinate > last;
    indices[static_cast<size_t>(i)] = is_past_end
                                          ? (edge == ZoomEdge::kClamp ? in - 1 : -1)
                                          : static_cast<int64_t>(std::floor(coordinate + 0.5));
  }
  return indices;
}

at::Tensor zoom_order0(const at::Tensor& image, const std::vector<int64_t>& sizes, ZoomEdge edge) {
  at::Tensor result = image;
  for (size_t axis = 0; axis < sizes.size(); ++axis) {
    const int64_t dim = image.dim() - static_cast<int64_t>(sizes.size() - axis);
    std::vector<int64_t> indices = zoom_indices(image.size(dim), sizes[axis], edge);
    // Coordinates grow, so only the end can be filled.
    const auto filled = std::count(indices.begin(), indices.end(), -1);
    std::replace(indices.begin(), indices.end(), int64_t{-1}, int64_t{0});
    result = result.index_select(dim, at::tensor(indices, at::kLong));
    if (filled > 0) result.narrow(dim, sizes[axis] - filled, filled).zero_();
  }
  return sizes.empty() ? image.clone() : result;
}

}  // namespace semiseg
