// SPDX-License-Identifier: Apache-2.0
// Border of a mask: its own outermost voxels (medpy, MONAI), or the corners between voxels where
// inside and outside meet (DeepMind's surface-distance).
#pragma once

#include <cstdint>

#include "framework/metrics/bit_grid.h"

namespace semiseg {

// The border is the voxels of the mask with a neighbour outside it. Neighbours differ along at most
// `connectivity` axes; outside of the array is outside of the mask. With two `axes`, planes are not
// neighbours.
struct BorderRule {
  int axes = 3;
  int connectivity = 1;
};

// Sets plane z of `border`, which has the size of `mask`.
void set_border_plane(BitGrid& border, const BitGrid& mask, const BorderRule& rule, int64_t z);

// Returns the size of a grid of corners: corner (z,y,x) lies before voxel (z,y,x) along every axis
// (with two axes: along rows and columns).
Index3 size_of_corners(const Index3& voxels, int axes);

// Sets plane z of the corners whose 8 (4) voxels are neither all inside nor all outside.
void set_corner_plane(BitGrid& corners, const BitGrid& mask, int axes, int64_t z);

// Returns the voxels around a corner, the first along every axis in the highest bit: 8 bits (4) in
// the order of surface-distance's ENCODE_NEIGHBOURHOOD_3D_KERNEL (2D).
int corner_code(const BitGrid& mask, int axes, const Index3& corner);

}  // namespace semiseg
