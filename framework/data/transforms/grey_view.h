// SPDX-License-Identifier: Apache-2.0
// The strong view of LiheYoung/UniMatch (more-scenarios/medical) on grey images of 8 bits: colour
// jitter and Gaussian blur as Pillow computes them, rounding included.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace semiseg {

struct GreyViewParameters {
  // Places of brightness (0) and contrast (1); saturation (2) and hue (3) do nothing on grey
  // images. Empty: no jitter.
  std::vector<int64_t> order;
  double brightness = 1, contrast = 1;  // factors, 0.5 to 1.5 in UniMatch
  double sigma = 0;  // sigma of the blur in pixels, 0.1 to 2 in UniMatch; 0: no blur
};

// float32 in [0, 1], any shape → uint8, 255 x cut off.
at::Tensor to_grey(const at::Tensor& image);

// [H,W] uint8 on the CPU → a new one. The blur is three box filters along each axis, at the edges
// of the image its outermost pixels repeated (Pillow's GaussianBlur).
at::Tensor strong_grey_view(const at::Tensor& image, const GreyViewParameters& parameters);

}  // namespace semiseg
