// SPDX-License-Identifier: Apache-2.0
// The stages of methods that mix halves of a batch: pre-training on labelled samples, then
// self-training on both parts, and the one box that a step cuts. DeepMed-Lab-ECNU/BCP.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/methods/method.h"

namespace semiseg {

// Returns the stages "pretrain", `fraction` of the iterations and absent if that is none, and
// "selftrain", which starts from the best of "pretrain". Samples i of both halves of each part lie
// on one rank. Throws Error unless both parts are as large and even.
Plan copy_paste_plan(const MethodContext& context, double fraction);

// Returns int64 [S] for images [N,C,S], 0 inside a box of `fraction` of each side and 1 outside, on
// their device. Draws "mix_box_offset".
at::Tensor draw_copy_paste_mask(const at::Tensor& image, double fraction, const Step& step);

}  // namespace semiseg
