// SPDX-License-Identifier: Apache-2.0
// Compares the grids of two files: headers may be rounded, and axes may be in another order.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "framework/scans/image_file.h"
#include "framework/scans/orientation.h"

namespace semiseg {

// The largest distance between equal corners of two grids of one size.
struct CornerDistance {
  double voxels = 0, mm = 0;  // along any axis of the first; in space
};

CornerDistance corner_distance(const ScanGeometry& a, const ScanGeometry& b);

// Returns how the axes of `from` must be turned and flipped to lie on `onto` to `tolerance` voxels;
// nullopt when no order of the axes does it.
std::optional<Orientation> match_axes(const ScanGeometry& from, const ScanGeometry& onto,
                                      double tolerance);

// Returns values [...,D,H,W] of the grid `from` in the order of axes of the grid `onto`: every
// voxel keeps its value. A note reports a difference above a thousandth of a millimetre, and
// another order of axes. Throws kData that says `what` and how far the grids are apart when they
// differ.
at::Tensor onto_grid(const at::Tensor& values, const ScanGeometry& from,
                     const std::filesystem::path& file, const ScanGeometry& onto,
                     const std::filesystem::path& reference, double tolerance,
                     const std::string& what);

}  // namespace semiseg
