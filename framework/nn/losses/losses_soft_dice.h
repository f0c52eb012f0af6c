// SPDX-License-Identifier: Apache-2.0
// Dice between two maps of probabilities p and q [N,K,S]. Sums go over the whole batch, all ranks;
// collective. Gradients to both.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/comm/communicator.h"

namespace semiseg {

// Mean over classes of 1 - (2Σpq + 1e-5) / (Σp + Σq + 1e-5). HiLab-git/SSL4MIS softmax_dice_loss.
at::Tensor softmax_dice(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

// Mean over classes of 1 - (2Σpq + 1e-10) / (Σp² + Σq² + 1e-10). ycwu1997/SS-Net softDiceLoss, the
// distance of its virtual adversarial training in 2-D.
at::Tensor dice_soft_target(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

// 1 - (2Σpq + 1e-8) / (Σp + Σq + 1e-8), the sums over all classes at once. ycwu1997/SS-Net
// Binary_dice_loss as the same in 3-D uses it.
at::Tensor dice_lin_both(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

}  // namespace semiseg
