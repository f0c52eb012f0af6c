// SPDX-License-Identifier: Apache-2.0
// Area of the surface at a corner between voxels, by marching cubes (of a plane: length of the
// contour, by marching squares), as google-deepmind/surface-distance 0.1 has it in
// surface_distance/lookup_tables.py.
#pragma once

#include <array>
#include <vector>

namespace semiseg {

// Index: corner_code() of borders.h, 256 areas of three axes or 16 lengths of two. `spacing`: of
// planes, rows and columns.
std::vector<double> surface_of_corners(const std::array<double, 3>& spacing, int axes);

}  // namespace semiseg
