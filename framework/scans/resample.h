// SPDX-License-Identifier: Apache-2.0
// Resamples voxels from one grid to another whose axes run the same way: another spacing, a part,
// or back.
#pragma once

#include <array>

#include "framework/scans/image_file.h"

namespace semiseg {

enum class Interpolation { kNearest, kLinear };

// Returns the grid with another spacing about the same centre: the field of view keeps its size to
// half a voxel. Spacing D, H, W in mm; 0 keeps that of the grid.
ScanGeometry with_spacing(const ScanGeometry& grid, const std::array<double, 3>& spacing_mm);

// Returns the grid of the voxels [begin, end) of a grid.
ScanGeometry sub_grid(const ScanGeometry& grid, const std::array<int64_t, 3>& begin,
                      const std::array<int64_t, 3>& end);

// values [...,D,H,W] on `from` → the same type on `to`, as it lies in the patient. Up to half a
// voxel beyond the first and last centres the edge's value continues; further out it is `outside`.
// Linear keeps float types only. Throws kInternal for grids with other directions.
at::Tensor resample(const at::Tensor& values, const ScanGeometry& from, const ScanGeometry& to,
                    Interpolation interpolation, double outside = 0);

}  // namespace semiseg
