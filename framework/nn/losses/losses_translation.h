// SPDX-License-Identifier: Apache-2.0
// Losses of translation consistent co-training: Liu et al., arXiv 2203.14523; yyliu01/TraCoCo. N
// samples, K classes, S spatial axes. Scalars are those of the global batch and collective, unless
// said otherwise.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/comm/communicator.h"

namespace semiseg {

// Σ over samples of the mean over all elements of r' (ln r' - ln r), r and r' softmaxes of both
// sides' logits, clamped to [1e-6, 1], over `axis`: the first spatial one (2) as in the reference,
// or the classes (1). Local; gradients to both.
at::Tensor translation_kl_sum(const at::Tensor& logits, const at::Tensor& shifted_logits,
                              int64_t axis);

// Σ over samples of the mean over pixels of Σ_c p ln p, p = softmax over classes of the clamped
// logits. Local. Negative: to lower it raises the entropy.
at::Tensor negative_entropy_sum(const at::Tensor& logits);

struct CrossThresholds {
  double positive = 0.65, negative = 0.1;
  bool bitwise = true;  // more than two classes: the label's own class weighs -2, the others -1
};

// Cross term on a target t without gradient: q = softmax t, ŷ = argmax t, with means over the
// pixels of each set; an empty one contributes 0.
//   two classes   mean over {max q ≥ positive} of max q · CE(z, ŷ)
//                 + mean over {min q < negative} of min q · -ln clamp(1 - p_{1-ŷ}, 1e-6, 1)
//   more          the second is the mean over pixels and classes of min q · m_c ln clamp(1 - p_c,
//                 1e-6, 1), m_c = -1 where c is not ŷ, and -2 (bitwise) or 0 where it is
at::Tensor thresholded_cross(const at::Tensor& logits, const at::Tensor& target_logits,
                             const CrossThresholds& thresholds, const Communicator& comm);

}  // namespace semiseg
