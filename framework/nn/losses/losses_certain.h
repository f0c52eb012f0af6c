// SPDX-License-Identifier: Apache-2.0
// Cross entropy and Dice of pixels that a mask calls certain: Ma et al., CVPR 2024; MQinghe/MiDSS,
// unsup_loss and DiceLossWithMask. N samples, K classes, S spatial axes. Collective.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/comm/communicator.h"

namespace semiseg {

struct CertainLoss {
  at::Tensor dice, cross_entropy;  // scalars; the reference's loss is their sum
};

// Mean over all pixels, certain or not, of mask · ce; and the mean over classes of
// 1 - (2Σm pg + 1e-10) / (Σm p² + Σm g² + 1e-10), sums over the batch. As in the reference the
// background of the Dice is never masked, unless `mask_background`. mask [N,S], undefined: 1.
CertainLoss certain_softmax(const at::Tensor& logits, const at::Tensor& label,
                            const at::Tensor& mask, bool mask_background, const Communicator& comm);

// The same of two nested structures with a sigmoid each: target [N,2,S] of 0 and 1, mask [N,2,S];
// one Dice ratio over both channels.
CertainLoss certain_nested(const at::Tensor& logits, const at::Tensor& target,
                           const at::Tensor& mask, const Communicator& comm);

// [N,2,S]: channel 0 covers label 2 (cup), channel 1 labels 1 and 2 (disc).
at::Tensor nested_target(const at::Tensor& label, at::ScalarType dtype);

}  // namespace semiseg
