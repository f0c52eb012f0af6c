// SPDX-License-Identifier: Apache-2.0
// The positions of windows along an axis of a volume, and the weights of their voxels.
#pragma once

#include <cstdint>
#include <vector>

namespace semiseg {

// The zero padding of a volume that is smaller than the window; it is removed afterwards.
enum class WindowPadding {
  kCentred,  // up to the window's size, the odd voxel at the end (UA-MT and its kin, nnU-Net)
  // If any side is smaller: (patch - side)/2 + 1, rounded down and at least 0, at both ends of
  // every axis, so that a side of the window's size gets one voxel, too (GenericSSL, DHC).
  kMargin,
};

// Returns the starts min(i stride, size - patch) of ⌈(size - patch)/stride⌉ + 1 windows: fixed
// stride, the last window moved back (UA-MT and its kin). size ≥ patch.
std::vector<int64_t> strided_starts(int64_t size, int64_t patch, int64_t stride);

// Returns the starts of ⌈(size - patch)/(step patch)⌉ + 1 windows from end to end, as far apart as
// each other up to rounding (halves to even): nnU-Net v2, sliding_window_prediction.py,
// compute_steps_for_sliding_window. size ≥ patch, 0 < step ≤ 1.
std::vector<int64_t> even_starts(int64_t size, int64_t patch, double step);

// exp(-x²/(2 σ²)), x = distance in voxels to voxel ⌊patch/2⌋, σ = patch/8. The product over axes is
// nnU-Net's compute_gaussian up to its constant 10, which a weighted mean does not see. Nowhere
// below e^-8, so that no weight is 0.
std::vector<double> gaussian_profile(int64_t patch);

// Windows along one axis of a volume.
struct WindowAxis {
  int64_t size = 1, patch = 1;
  std::vector<int64_t> starts;   // ascending, in voxels of the volume; negative in the padding
  std::vector<double> profile;   // [patch] weight of a window's voxels along this axis
  std::vector<double> coverage;  // [size] sum of the profiles of all windows over a voxel
};

}  // namespace semiseg
