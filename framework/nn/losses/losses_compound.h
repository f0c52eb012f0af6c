// SPDX-License-Identifier: Apache-2.0
// Cross entropy and Dice together, where a code base has its own pair. Axes, labels and what is
// collective: losses.h. The Dice terms are ratios with a minus sign, over the foreground, with
// linear denominators: the smallest value is -1, not 0.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/comm/communicator.h"

namespace semiseg {

// Σ w_y ce / Σ w_y - mean over foreground classes of w_c (2Σpg + 1) / (Σp + Σg + 1 + 1e-8), sums
// over the whole batch; class weights w [K], or undefined for 1. xmed-lab/GenericSSL and DHC,
// DC_and_CE_loss.
at::Tensor dc_and_ce(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& weight,
                     const Communicator& comm);

// Mean ce - mean over foreground classes (and samples, unless batch_dice pools them) of
// (2Σpg + 1e-5) / max(Σp + Σg + 1e-5, 1e-8). MIC-DKFZ/nnUNet v2, DC_and_CE_loss.
at::Tensor nnunet_dc_ce(const at::Tensor& logits, const at::Tensor& label, bool batch_dice,
                        const Communicator& comm);

}  // namespace semiseg
