// SPDX-License-Identifier: Apache-2.0
// Finds the smallest box around every label of a label map, in one pass.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "framework/core/tensor_fwd.h"

namespace semiseg {

using Index3 = std::array<int64_t, 3>;  // plane, row, column; a map of two axes is one plane

struct LabelBox {
  Index3 begin = {INT64_MAX, INT64_MAX, INT64_MAX}, end = {0, 0, 0};  // end is exclusive

  bool empty() const { return begin[0] >= end[0]; }
  Index3 size() const { return {end[0] - begin[0], end[1] - begin[1], end[2] - begin[2]}; }
  void include(const LabelBox& other) {
    for (size_t axis = 0; axis < 3; ++axis) {
      begin[axis] = std::min(begin[axis], other.begin[axis]);
      end[axis] = std::max(end[axis], other.end[axis]);
    }
  }
};

// Label map [D,H,W] or [H,W], uint8, contiguous, CPU. Index = label; entry 0 and labels that do not
// occur are empty, labels ≥ classes are ignored. Multi-threaded.
std::vector<LabelBox> find_label_boxes(const at::Tensor& labels, int64_t classes);

// Returns the sizes of a map's three axes.
Index3 size_of_map(const at::Tensor& labels);

}  // namespace semiseg
