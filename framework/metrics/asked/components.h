// SPDX-License-Identifier: Apache-2.0
// Component-wise detection: connected components of a class in prediction and reference that share
// a voxel. Lesions and small organs are found or missed as a whole, which voxels do not say.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/tensor_fwd.h"

namespace semiseg {

// Voxels of one class are connected along any number of axes at once (26 neighbours in 3-D, 8 in
// 2-D). An overlap of one voxel is enough; one predicted component may find several.
struct ComponentCounts {
  int64_t found = 0, missed = 0;  // components of the reference with and without an overlap
  int64_t false_positive = 0;     // components of the prediction without an overlap

  // Returns 2 found / (2 found + missed + false positive); NaN when there is no component.
  double f1() const;
};

// Takes label maps [D,H,W] or [H,W], uint8, CPU, of one shape. Returns one entry for each label 1 …
// classes - 1. Holds 32 bytes a voxel meanwhile.
std::vector<ComponentCounts> count_components(const at::Tensor& prediction,
                                              const at::Tensor& reference, int64_t classes);

}  // namespace semiseg
