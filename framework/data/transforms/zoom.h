// SPDX-License-Identifier: Apache-2.0
// Zoom of order 0 as SciPy does it (ndimage.zoom, order 0, grid_mode off): not the nearest
// interpolation of the deep-learning libraries. Training transforms and slice-wise inference use
// the same.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/tensor_fwd.h"

namespace semiseg {

// The value of the last position where rounding moves its coordinate past the end (256 → 216, 224 →
// 147, …).
enum class ZoomEdge {
  kClamp,      // the last input
  kReference,  // SciPy's fill value 0, which loses the last row or column
};

// Returns the input index of each of `out` positions along an axis of `in`; -1 stands for the fill
// value 0 (kReference only). Position i reads coordinate i (in - 1)/(out - 1), rounded half up: 8 →
// 5 reads 0 2 4 5 7. Sides of at least 1.
std::vector<int64_t> zoom_indices(int64_t in, int64_t out, ZoomEdge edge = ZoomEdge::kClamp);

// Zooms the last sizes.size() axes of `image` (any type, on the CPU) to `sizes`; returns a new
// contiguous tensor.
at::Tensor zoom_order0(const at::Tensor& image, const std::vector<int64_t>& sizes,
                       ZoomEdge edge = ZoomEdge::kClamp);

}  // namespace semiseg
