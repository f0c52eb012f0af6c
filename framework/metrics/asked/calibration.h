// SPDX-License-Identifier: Apache-2.0
// Calibration of the probability of one class: expected calibration error (Guo et al., ICML 2017,
// equation 3) and Brier score (Brier, 1950), over the voxels of a box.
//
// The box is the smallest around the class in prediction and reference: over a whole volume the
// background, which nearly every network is sure of, decides both numbers alone, and the voxels of
// the class themselves are chosen by the outcome, which no calibrated probability would fit.
#pragma once

#include <cstdint>

#include "framework/core/tensor_fwd.h"
#include "framework/metrics/label_boxes.h"

namespace semiseg {

// Both in [0, 1]; NaN when no voxel counts.
struct Calibration {
  double ece = 0, brier = 0;
};

struct CalibrationRequest {
  uint8_t label = 1;
  LabelBox box;
  bool has_ignore_label = false;  // voxels labelled kIgnoreLabel do not count
};

// Takes the class's probability, float32, and the reference, uint8, both [D,H,W] or [H,W],
// contiguous, CPU. The error has 15 bins of equal width, each with its upper end. Sums run in raster
// order in double.
Calibration calibration_of(const at::Tensor& probability, const at::Tensor& reference,
                           const CalibrationRequest& request);

}  // namespace semiseg
