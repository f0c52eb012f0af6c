// SPDX-License-Identifier: Apache-2.0
// Cross entropy and Dice together, where a code base has its own pair. Axes, labels and what is
// collective: losses.h. The Dice terms are ratios with a minus sign and with linear denominators,
// over the foreground unless said otherwise: the smallest value is -1, not 0.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "framework/comm/communicator.h"

namespace semiseg {

// Σ w_y ce / Σ w_y - mean over foreground classes of w_c (2Σpg + 1) / (Σp + Σg + 1 + 1e-8), sums
// over the whole batch; class weights w [K], or undefined for 1. xmed-lab/GenericSSL and DHC,
// DC_and_CE_loss.
at::Tensor dc_and_ce(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& weight,
                     const Communicator& comm);

struct NnunetDice {
  bool batch = false;       // batch_dice: sums over the batch, not over each sample
  bool background = false;  // do_bg: the background is a class like the others
};

// Mean ce - mean over classes (and samples, unless they are pooled) of
// (2Σpg + 1e-5) / max(Σp + Σg + 1e-5, 1e-8). Where all pixels of the sums are labelled kIgnoreLabel
// ce is 0 and the ratio 1. MIC-DKFZ/nnUNet v2, DC_and_CE_loss.
at::Tensor nnunet_dc_ce(const at::Tensor& logits, const at::Tensor& label, const NnunetDice& dice,
                        const Communicator& comm);

// The loss of an image that is mixed from two. DeepMed-Lab-ECNU/BCP, mix_loss of ACDC_BCP_train.py
// (with dice_masked_2d) and of utils/BCP_utils.py (with dice_masked_3d).

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
