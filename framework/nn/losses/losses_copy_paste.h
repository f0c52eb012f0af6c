// SPDX-License-Identifier: Apache-2.0
// The loss of an image that is mixed from two. DeepMed-Lab-ECNU/BCP, mix_loss of ACDC_BCP_train.py
// (with dice_masked_2d) and of utils/BCP_utils.py (with dice_masked_3d).
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "framework/comm/communicator.h"

namespace semiseg {

// Mean cross entropy of logits [N,K,S] and label [N,S] where the mask [N,S] is 1.
using MaskedCrossEntropy = std::function<at::Tensor(
    const at::Tensor& logits, const at::Tensor& label, const at::Tensor& mask)>;

struct MixLoss {
  at::Tensor dice, cross_entropy;  // scalars; the reference's loss is their mean
};

// The contribution of one of the two images.
struct MixPart {
  at::Tensor label;                  // [N,S]
  double weight = 1;                 // ground truth 1, pseudo-labels less
  MaskedCrossEntropy cross_entropy;  // empty: the plain one
};

// dice_masked_2d or dice_masked_3d of losses.h.
using MaskedDice = at::Tensor (*)(const at::Tensor& p, const at::Tensor& label,
                                  const at::Tensor& mask, const Communicator& comm);

// logits [N,K,S] of image · M + patch · (1 - M); mask M, 1 outside the box, [S] or [N,S].
// Each part: weight · loss(z, label, its region). Collective.
MixLoss bcp_mix(const at::Tensor& logits, const MixPart& image, const MixPart& patch,
                const at::Tensor& mask, MaskedDice dice, const Communicator& comm);

}  // namespace semiseg
