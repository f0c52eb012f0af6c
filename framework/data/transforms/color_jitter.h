// SPDX-License-Identifier: Apache-2.0
// torchvision's ColorJitter(0.8, 0.8, 0.8, 0.2) on channels that are no colours: saturation and hue
// do nothing on one channel and are left out on several, too.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/core/random/draws.h"

namespace semiseg {

struct JitterParameters {
  bool contrast_first = false;  // else brightness first
  double brightness = 1;        // [0.2, 1.8)
  double contrast = 1;          // [0.2, 1.8)
};

// Draws three numbers: order (u < 0.5 contrast first), brightness, contrast.
JitterParameters draw_jitter(DrawSequence& numbers);

// Brightness: x b; contrast: x c + mean (1 - c), mean over the whole image; each clamped to [0, 1]
// as torchvision clamps float images. An image outside [0, 1] loses what the clamp cuts off, so
// jitter_in_range() passes none. image [C,h,w] or [C,d,h,w] float32, contiguous; returns a new
// tensor.
at::Tensor jitter(const JitterParameters& parameters, const at::Tensor& image);

// The jitter of a slice within [0, 1] as in the references. A volume, and a slice with a value
// outside [0, 1] (z-scores), is brought to [0, 1] by its smallest and largest value, jittered, and
// brought back; no reference has one of these.
at::Tensor jitter_in_range(const JitterParameters& parameters, const at::Tensor& image);

}  // namespace semiseg
