// SPDX-License-Identifier: Apache-2.0
// Patches of a slice by their confidence, and their exchange between two views: Chi et al., CVPR
// 2024 (ABD); chy-upc/ABD. The slice is a grid of square patches, P of them, numbered by rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace semiseg {

// Patches of the predictions of n images.
struct PatchScores {
  at::Tensor confidence;  // [n,P] mean of the largest probability
  at::Tensor classes;     // [n,P,K] softmax of the mean logits
};
PatchScores score_patches(const at::Tensor& logits, int64_t side);

// Returns, of image i, the patch among the `count` most confident ones of `candidates` whose
// classes t are nearest to those m of patch `place` of `scores`: the smallest Σ m (ln m − ln t).
int64_t likest_patch(const PatchScores& scores, int64_t place, const PatchScores& candidates,
                     int64_t i, int64_t count);

// Copies patch `from` of [C,H,W] (or [H,W]) `source` over patch `to` of `target`, in place.
void copy_patch(at::Tensor target, int64_t to, const at::Tensor& source, int64_t from,
                int64_t side);

}  // namespace semiseg
