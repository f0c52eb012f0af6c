// SPDX-License-Identifier: Apache-2.0
// The scanners of the 3-D phantoms: texture, coils, blur and noise on a painted volume.
#pragma once

#include <ATen/core/Tensor.h>

#include "datasets/phantom/phantom_solid.h"

namespace semiseg::phantom {

struct ScanLook {
  double blur_mm = 1;           // in the plane; half of it across the slices
  double noise = 0.03;          // standard deviation, in units of signal
  bool magnitude = true;        // Rician noise of MR; false: Gaussian noise of CT
  double bias = 0.3;            // logarithm of the coil's sensitivity from centre to border
  double texture_cells = 12.0;  // cells of the coarse texture along a side
};

// image [1,D,H,W] float32, min-max normalised, and label [D,H,W] uint8. Scanning advances `draws`.
struct Scanned {
  at::Tensor image, label;
};
Scanned scan(SolidScene scene, const VolumeGrid& grid, const ScanLook& look, DrawSequence& draws);

}  // namespace semiseg::phantom
