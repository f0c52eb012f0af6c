// SPDX-License-Identifier: Apache-2.0
// Voxels from one grid to another whose axes run the same way: another spacing, a part, or back.
#pragma once

#include <array>

#include "framework/scans/image_file.h"

namespace semiseg {

enum class Interpolation { kNearest, kLinear };

// The grid with another spacing about the same centre: the field of view keeps its size to half a
// voxel. Spacing D, H, W in mm.
ScanGeometry with_spacing(const ScanGeometry& grid, const std::array<double, 3>& spacing_mm);

// The voxels [begin, end) of a grid.
ScanGeometry sub_grid(const ScanGeometry& grid, const std::array<int64_t, 3>& begin,
                      const std::array<int64_t, 3>& end);

// values [...,D,H,W] on `from` → the same type on `to`, as it lies in the patient. Up to half a
// voxel beyond the first and last centres the edge's value goes on; further out is `outside`.
// Linear keeps float types only. Grids with other directions are a broken invariant.
at::Tensor resample(const at::Tensor& values, const ScanGeometry& from, const ScanGeometry& to,
                    Interpolation interpolation, double outside = 0);

}  // namespace semiseg
