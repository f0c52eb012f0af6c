// SPDX-License-Identifier: Apache-2.0
// Losses where two students disagree about a mixed image: Song & Wang, MICCAI 2024; pascalcpp/SDCL,
// mix_mse_loss and mix_max_kl_loss. N samples, K classes, S spatial axes. Sums go over all ranks;
// collective.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/comm/communicator.h"

namespace semiseg {

// The labels of an image that was mixed from two, and where students disagree.
struct DisputedLabels {
  at::Tensor image, patch;  // [N,S] labels outside and inside the box
  double image_weight = 1, patch_weight = 1;
  at::Tensor mask;         // [S] or [N,S], 1 outside the box
  at::Tensor discrepancy;  // [N,S] X, 1 where the students' hard labels differ
};

// Σ X w d / (ΣX + 1e-16), d = mean over classes of (p - onehot)². logits [N,K,S]. The denominator
// counts disputed pixels whatever their weight.
at::Tensor correct_disputed(const at::Tensor& logits, const DisputedLabels& labels,
                            const Communicator& comm);

// Σ X W w e / (Σ X W + 1e-16), e = mean over classes of -ln p and W = 1 where argmax p is not the
// label: it raises the entropy of wrong pixels, to ln K at best.
at::Tensor blur_disputed(const at::Tensor& logits, const DisputedLabels& labels,
                         const Communicator& comm);

}  // namespace semiseg
