// SPDX-License-Identifier: Apache-2.0
// Turns the axes of a scan, without changing a voxel's value, so that D runs upwards (S), H to the
// front (A) and W to the right (R), or as near to that as the scan's axes are.
#pragma once

#include <array>
#include <string>

#include "framework/scans/image_file.h"

namespace semiseg {

struct Orientation {
  std::array<int, 3> axis = {0, 1, 2};  // new axis k is the old axis[k],
  std::array<bool, 3> flip = {};        // backwards where flip[k]
};

// Returns the axes' nearest directions from D to W, as letters where they point: "SAR" is
// canonical.
std::string orientation_letters(const ScanGeometry& grid);

Orientation to_canonical(const ScanGeometry& grid);

// Turns the grid; its voxels stay where they are in the patient.
ScanGeometry reorient(const ScanGeometry& grid, const Orientation& orientation);

// Turns values [...,D,H,W] with their grid, and back.
at::Tensor reorient(const at::Tensor& values, const Orientation& orientation);
at::Tensor undo_reorient(const at::Tensor& values, const Orientation& orientation);

}  // namespace semiseg
