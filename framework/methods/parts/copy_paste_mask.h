// SPDX-License-Identifier: Apache-2.0
// The box that copy-paste methods cut out of one image and fill from another. DeepMed-Lab-ECNU/BCP,
// generate_mask (ACDC) and context_mask (LA).
#pragma once

#include <ATen/core/Tensor.h>

namespace semiseg {

// Returns the side of a box that is `fraction` of an image's side, truncated to an integer.
int64_t box_side(double fraction, int64_t image_side);

// Returns int64 of this size, 0 inside the box that begins at `offset` (int64 [axes]), 1 outside.
// The box is clipped to the image.
at::Tensor copy_paste_mask(at::IntArrayRef size, double fraction, const at::Tensor& offset);

}  // namespace semiseg
