// SPDX-License-Identifier: Apache-2.0
// Losses of predictions without ground truth: distances between two predictions of the same images,
// and the entropy of one. N samples, K classes, S spatial axes; z and t are logits, p and q
// probabilities, all [N,K,S]. Scalars are those of the global batch and collective, maps are local.
// Gradients go to both sides unless said otherwise. HiLab-git/SSL4MIS utils/losses.py unless
// another source is named.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/comm/communicator.h"

namespace semiseg {

// Map [N,K,S] of (softmax z - softmax t)²; sigmoid where K = 1.
at::Tensor softmax_mse(const at::Tensor& logits, const at::Tensor& target_logits);

// Mean over samples, classes and pixels of (p - q)²; no gradient to q.
at::Tensor mean_teacher_mse(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

// The same with gradients to both sides.
at::Tensor symmetric_mse(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

// Map [N,K,S] of q (ln q - ln p), p = softmax z, q = softmax t; sigmoid where K = 1.
// yulequan/UA-MT.
at::Tensor softmax_kl_map(const at::Tensor& logits, const at::Tensor& target_logits);

// Mean of that map over samples, classes and pixels.
at::Tensor softmax_kl(const at::Tensor& logits, const at::Tensor& target_logits,
                      const Communicator& comm);

// Mean over samples, classes and pixels of q (ln q - ln(p + 1e-8)). ycwu1997/MC-Net kl_loss.
at::Tensor kl_probabilities(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

// Mean over samples and pixels of -Σ q ln(p + 1e-8) over the first two classes, however many there
// are. ycwu1997/MC-Net soft_ce_loss.
at::Tensor soft_cross_entropy(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

// ½ (mean q (ln q - ln p) + mean p (ln p - ln q)) with softmaxes over `axis`. The reference's is
// the last spatial axis (-1), where 1 would be the classes. compute_kl_loss of R-Drop.
at::Tensor rdrop_kl(const at::Tensor& logits, const at::Tensor& target_logits, int64_t axis,
                    const Communicator& comm);

// Dice between two maps of probabilities: the sums go over the whole batch, all ranks.

// Mean over classes of 1 - (2Σpq + 1e-5) / (Σp + Σq + 1e-5). HiLab-git/SSL4MIS softmax_dice_loss.
at::Tensor softmax_dice(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

// Mean over classes of 1 - (2Σpq + 1e-10) / (Σp² + Σq² + 1e-10). ycwu1997/SS-Net softDiceLoss, the
// distance of its virtual adversarial training in 2-D.
at::Tensor dice_soft_target(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

// Mean over classes of 1 - (2Σmpq + 1e-5) / (Σmp² + Σmq² + 1e-5); m [N,S] ≥ 0, or undefined for 1.
// maxwell0027/VerSemi DiceLoss, whose targets may be soft.
at::Tensor dice_sq_soft(const at::Tensor& p, const at::Tensor& q, const at::Tensor& mask,
                        const Communicator& comm);

// 1 - (2Σpq + 1e-8) / (Σp + Σq + 1e-8), the sums over all classes at once. ycwu1997/SS-Net
// Binary_dice_loss as the same in 3-D uses it.
at::Tensor dice_lin_both(const at::Tensor& p, const at::Tensor& q, const Communicator& comm);

// The entropy of a prediction: map [N,1,S] of -Σ_c p ln(p + 1e-6), in nats. Local. entropy_map (uncertainty of UA-MT); divided
// by ln K it is entropy_loss_map.
at::Tensor entropy_map(const at::Tensor& p);

// Its mean over the samples and pixels of all ranks, collective. entropy_minmization; divided by
// ln K it is entropy_loss.
at::Tensor entropy(const at::Tensor& p, const Communicator& comm);

}  // namespace semiseg
