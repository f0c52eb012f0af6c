// SPDX-License-Identifier: Apache-2.0
// Losses of the global batch: every sum and count goes through comm.sum, so each rank holds the
// whole loss, a scalar of the logits' dtype. All of them are collective. A rank's share may be
// empty; a mean over nothing at all is 0. N samples, K classes, S spatial axes. label [N,S] is
// int64 (uint8 is accepted), mask [N,S] any dtype. Dice losses take probabilities (softmax over
// axis 1, or the sigmoid of a single channel), so that one softmax serves all of them. Pixels
// labelled kIgnoreLabel (ignore_label.h) count in none. Formulas: HiLab-git/SSL4MIS utils/losses.py
// unless another source is named.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/comm/communicator.h"

namespace semiseg {

// Σ / count over all ranks.
at::Tensor global_mean(const at::Tensor& local_sum, double local_count, const Communicator& comm);

// Mean over pixels of -ln softmax(z)_y. logits [N,K,S]; also [N,K] with label [N].
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& label,
                         const Communicator& comm);

// Σ m · ce / Σ m; 0 where Σ m = 0.
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& mask,
                         const Communicator& comm);

// Mean over all classes of 1 - (2Σpg + 1e-5) / (Σp² + Σg² + 1e-5); sums over the whole batch.
// "D-sq".
at::Tensor dice_sq(const at::Tensor& p, const at::Tensor& label, const Communicator& comm);

// The same ratio of the foreground of a binary task: the last channel of [N,2,S] or [N,1,S],
// label 1. yulequan/UA-MT.
at::Tensor dice_sq_fg(const at::Tensor& p, const at::Tensor& label, const Communicator& comm);

// 1 - (2Σpg + 1e-8) / (Σp + Σg + 1e-8) of the foreground. ycwu1997/MC-Net, Binary_dice_loss.
at::Tensor dice_lin_fg(const at::Tensor& p, const at::Tensor& label, const Communicator& comm);

// Mean over classes of 1 - Σpg / (Σp² + Σg² + 1e-10): the reference lacks the factor 2, its best
// value is ½. ycwu1997/MC-Net 2-D.
at::Tensor dice_half(const at::Tensor& p, const at::Tensor& label, const Communicator& comm);

// Σ over classes of w_c (1 - ratio_c) / K, the ratio of dice_sq; weight w [K].
at::Tensor dice_sq_weighted(const at::Tensor& p, const at::Tensor& label, const at::Tensor& weight,
                            const Communicator& comm);

// Mean over classes of 1 - (2Σmpg + 1e-10) / (Σmp² + Σmg² + 1e-10); an undefined mask is 1.
// DeepMed-Lab-ECNU/BCP, ACDC; without a mask ycwu1997/SS-Net 2-D and DeepMed-Lab-ECNU/MagicNet;
// with m = [confidence ≥ τ] LiheYoung/UniMatch.
at::Tensor dice_masked_2d(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                          const Communicator& comm);

// dice_sq of the pixels that a mask keeps (a threshold on the pseudo-label's confidence); `smooth`
// stands for 1e-5. LiheYoung/UniMatch more-scenarios/medical; AiEson/CrossMatch.
at::Tensor dice_sq_confident(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                             const Communicator& comm, double smooth = 1e-5);

// dice_sq_fg of the pixels that a mask keeps. AiEson/CrossMatch in 3-D.
at::Tensor dice_sq_fg_confident(const at::Tensor& p, const at::Tensor& label,
                                const at::Tensor& mask, const Communicator& comm,
                                double smooth = 1e-5);

// Mean over samples and classes of 1 - (2Σmpg + 1e-5) / (Σm(p + g) + 1e-5), the sums over the
// pixels of a sample; an undefined mask is 1. The sigmoid p of a single channel stands for the two
// classes 1 - p and p. DeepMed-Lab-ECNU/BCP mask_DiceLoss, LA and Pancreas.
at::Tensor dice_masked_3d(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                          const Communicator& comm);

// ½ (cross_entropy + dice_sq).
at::Tensor supervised_loss(const at::Tensor& logits, const at::Tensor& label,
                           const Communicator& comm);

enum class Reduction { kMean, kSum };

// Mean or sum over pixels of -w_y (1 - p_y)^gamma ln p_y; the factor (1 - p_y)^gamma carries no
// gradient. logits [N,K,S]; class weights w [K], or undefined for 1. HiLab-git/SSL4MIS FocalLoss.
at::Tensor focal_loss(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& weight,
                      double gamma, const Communicator& comm,
                      Reduction reduction = Reduction::kMean);

}  // namespace semiseg
