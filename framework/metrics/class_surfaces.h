// SPDX-License-Identifier: Apache-2.0
// Compares prediction and reference class by class: numbers of voxels, and the distances between
// the two borders, each restricted to the box of the class.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/tensor_fwd.h"

namespace semiseg {

// The elements of a border and their weights.
enum class BorderElements {
  kVoxels,   // the outermost voxels of a mask, all alike (medpy, MONAI)
  kCorners,  // corners between voxels, by the area of the surface there (surface-distance)
};

struct SurfaceOptions {
  BorderElements elements = BorderElements::kVoxels;
  bool distances = true;        // false: voxels only
  std::vector<double> spacing;  // along each axis of the map
  int connectivity = 1;         // for kVoxels: neighbours differ along at most this many axes
};

// The distances from each element of one border to the other border, in raster order.
struct DirectedDistances {
  std::vector<double> distances;  // in units of the spacing
  std::vector<double> weights;    // areas; empty: all 1
};

struct ClassSurfaces {
  int64_t prediction_voxels = 0, reference_voxels = 0, overlap_voxels = 0;
  DirectedDistances there, back;  // prediction to reference, reference to prediction; empty when
                                  // prediction or reference is
};

// Label maps [D,H,W] or [H,W], uint8, contiguous, CPU, of one shape. One entry for each label 1 …
// classes - 1. Multi-threaded; the same bits for any number of threads.
std::vector<ClassSurfaces> compare_surfaces(const at::Tensor& prediction,
                                            const at::Tensor& reference, int64_t classes,
                                            const SurfaceOptions& options);

}  // namespace semiseg
