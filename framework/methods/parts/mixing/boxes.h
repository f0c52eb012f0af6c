// SPDX-License-Identifier: Apache-2.0
// Boxes that are cut out of one image and filled from another. Copy-paste: DeepMed-Lab-ECNU/BCP,
// generate_mask (ACDC) and context_mask (LA). CutMix in square images: LiheYoung/UniMatch
// obtain_cutmix_box (more-scenarios/medical).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "framework/core/random/draws.h"

namespace semiseg {

// Returns the side of a box that is `fraction` of an image's side, truncated to an integer.
int64_t box_side(double fraction, int64_t image_side);

// Returns the corners of boxes that lie inside an image of this size: int64 [samples…, axes], each
// uniform in {0 … side − box − 1}, the draws of this name.
at::Tensor draw_box_offsets(std::string_view name, at::IntArrayRef size, double fraction,
                            at::IntArrayRef samples, const Draws& draws);

// Returns the slots of samples that are mixed with each other, as Stage::colocated: i of both
// halves of the labelled and of the unlabelled samples, of which there may be none.
std::vector<std::vector<int64_t>> mixing_groups(int64_t labelled, int64_t unlabelled);

// Returns int64 of this size, 0 inside the box that begins at `offset` (int64 [axes]), 1 outside.
// The box is clipped to the image.
at::Tensor copy_paste_mask(at::IntArrayRef size, double fraction, const at::Tensor& offset);

struct CutmixOptions {
  double probability = 0.5;                     // probability of drawing a box
  double area_min = 0.02, area_max = 0.4;       // share of the image
  double ratio_min = 0.3, ratio_max = 1 / 0.3;  // height to width
};

// The source of its random numbers.
struct BoxNumbers {
  std::function<double(double low, double high)> uniform;  // [low, high)
  std::function<int64_t(int64_t high)> integer;            // {0 … high - 1}
};

struct CutmixBox {
  int64_t y = 0, x = 0, height = 0, width = 0;  // all 0: no box
};

// Order of the numbers: gate (no box where it is above the probability), area; then ratio, x and y
// until the box lies inside the image.
CutmixBox draw_cutmix_box(int64_t side, const CutmixOptions& options, const BoxNumbers& numbers);

}  // namespace semiseg
