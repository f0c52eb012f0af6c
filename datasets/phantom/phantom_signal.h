// SPDX-License-Identifier: Apache-2.0
// The effects of scanners on a signal: smooth unevenness, blur, noise of magnitude images.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/random/draws.h"

namespace semiseg::phantom {

// Smooth noise of about unit size over a square plane: random values on a coarse lattice of
// `cells` × `cells`, blended by a smooth step.
class SmoothField {
 public:
  SmoothField(int64_t size, int64_t cells, DrawSequence& draws);
  double at(int64_t row, int64_t column) const;

 private:
  double step_;
  int64_t stride_;
  std::vector<double> lattice_;
};

// The same in space: planes of SmoothField, blended alike.
class SmoothVolume {
 public:
  SmoothVolume(int64_t slices, int64_t slice_cells, int64_t size, int64_t cells,
               DrawSequence& draws);
  double at(int64_t slice, int64_t row, int64_t column) const;

 private:
  double step_;
  std::vector<SmoothField> planes_;
};

// Applies a separable Gaussian in place, with edges repeated; row-major, one side and one sigma (in
// elements) for each axis. A sigma of 0 leaves its axis.
void blur(std::vector<float>& image, const std::vector<int64_t>& sides,
          const std::vector<double>& sigmas);

// Returns a Rician sample: the magnitude of a signal with Gaussian noise in its real and imaginary
// part.
double magnitude(double signal, double noise, DrawSequence& draws);

}  // namespace semiseg::phantom
