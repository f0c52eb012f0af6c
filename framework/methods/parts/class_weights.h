// SPDX-License-Identifier: Apache-2.0
// Weights of classes that are hard or rare, refreshed in every step: DiffDW and DistDW of DHC (Wang
// & Li, MICCAI 2023), and the difficulty of Aggregating & Decoupling (Wang & Li, NeurIPS 2023),
// which is DiffDW without its last division. As xmed-lab/DHC and xmed-lab/GenericSSL have them. C
// classes, the background first; everything is float64 [C].
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/comm/communicator.h"
#include "framework/core/state.h"

namespace semiseg {

// Returns [3,C]: Σ [p = c][y = c], Σ [p = c] and Σ [y = c] over the pixels of all ranks.
// prediction and label [N,S] int64; pixels labelled kIgnoreLabel count in none. Collective.
at::Tensor class_counts(const at::Tensor& prediction, const at::Tensor& label, int64_t classes,
                        const Communicator& comm);

// λ = (2TP + ε) / (2TP + FP + FN + 2ε), ε = 1e-8, of such counts: ½ for a class that neither has.
at::Tensor hard_dice(const at::Tensor& counts);

// d · r: the learning speed of each class and the mean of its missing Dice.
//   Δ = λ − λ_prev, q = Δ ln(λ / λ_prev);  learned l ← m l + (1 − m) q [Δ > 0], unlearned u
//   likewise with [Δ ≤ 0];  d = ((u + ε) / (l + ε))^(1/5);  r ← m r + (1 − m)(1 − λ);  m = (τ − 1)
//   / τ
class ClassDifficulty {
 public:
  // window: τ in steps.
  ClassDifficulty(int64_t classes, int64_t window, at::Device device);
  // Takes the Dice λ of this step and returns d · r. `seen` [C] bool: classes outside it keep their
  // state and their value; undefined: all are seen.
  at::Tensor update(const at::Tensor& dice, const at::Tensor& seen = {});
  void state(StateVisitor& visitor);

 private:
  double keep_;  // m
  at::Tensor previous_, learned_, unlearned_, reversed_;
};

// DiffDW: C v / max v of d · r, so that the hardest class has the weight C.
at::Tensor relative_to_largest(const at::Tensor& v);

// DistDW: g = ln((max N + ε) / (N + ε)) of voxel counts N, C g / max g: the most frequent class has
// the weight 0. `otherwise` where all counts are equal, of which the reference makes NaN.
at::Tensor rarity_weights(const at::Tensor& counts, const at::Tensor& otherwise);

}  // namespace semiseg
