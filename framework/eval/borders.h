// SPDX-License-Identifier: Apache-2.0
// Border voxels of every class of a label map, and exact distances between two such sets.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "framework/core/tensor_fwd.h"

namespace semiseg {

using Points = std::vector<std::array<double, 3>>;  // in units of the spacing; a missing axis is 0

struct ClassVoxels {
  int64_t count = 0;
  Points border;  // voxels with a neighbour of another label or outside the array, in raster order
};

// Label map [D,H,W] or [H,W], uint8, contiguous, CPU. Index = label; entry 0 stays empty, labels ≥
// classes are ignored. `spacing`: one for each axis. `connectivity`: neighbours differ along at
// most so many axes.
std::vector<ClassVoxels> find_borders(const at::Tensor& labels, int64_t classes,
                                      const std::vector<double>& spacing, int connectivity);

// Distance of each point of `from` to the nearest of `to` (not empty), in the order of `from`.
std::vector<double> nearest_distances(const Points& from, const Points& to);

}  // namespace semiseg
