// SPDX-License-Identifier: Apache-2.0
// Copy-paste inside a batch: image i takes a box of image π(i). ZhenZHAO/AD-MT and yyliu01/TraCoCo,
// after Yun et al., ICCV 2019.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "framework/methods/method.h"

namespace semiseg {

struct PermutedPaste {
  at::Tensor partner;  // int64 [n] π
  at::Tensor inside;   // bool [n,S], true in the box of each image

  // Returns the mixed images [n,C,S] or maps [n,S]; all are read before the mixing.
  at::Tensor of(const at::Tensor& batch) const;
};

// Draws "mix_permutation<suffix>", "mix_ratio<suffix>": ρ ~ Beta(4, 4), and
// "mix_box_centre<suffix>", uniform from an eighth of a side on. Boxes have sides int(side √(1 -
// ρ)) along the first `axes` axes, clipped to the image, and all of the others. The permutation is
// over the samples that are here: keep them on one rank.
PermutedPaste draw_paste(const std::string& suffix, const SampleIds& samples, at::IntArrayRef size,
                         int64_t axes, const Step& step);

}  // namespace semiseg
