// SPDX-License-Identifier: Apache-2.0
// The loss on pseudo-labels of which only some pixels count: ½ (CE + Dice), where the cross entropy
// is divided by the number of all pixels, so that a few sure pixels weigh little (BBBBchan/
// CorrMatch). N samples, K classes, S spatial axes. Collective.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/comm/communicator.h"

namespace semiseg {

// The share of pixels that count in the global batch: counts bool [N,S] → scalar float64.
at::Tensor share_of_pixels(const at::Tensor& counts, const Communicator& comm);

// ½ (Σ M CE / number of pixels + D of softmax z over M), M the pixels that count, D the Dice over all
// classes with squared denominators. logits [N,K,S], label int64 [N,S], counts bool [N,S].
at::Tensor sure_loss(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& counts,
                     const Communicator& comm);

}  // namespace semiseg
