// SPDX-License-Identifier: Apache-2.0
// Cross entropy with an offset added to the logits for each pair of (pixel's class, logit's class):
// TSA's loss, and without a table the plain one. Forward and backward are one pass each; the
// offsets exist only as the table.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/core/ignore_label.h"

namespace semiseg {

// Collective. Σ m_i CE(z_i + U[y_i,:], y_i) / Σ m_i over the pixels i of all ranks whose label is
// not kIgnoreLabel; a scalar of the logits' dtype. 0 with zero gradients when
// Σ m_i = 0. Any strides.
//   logits z [N,C,S]; float32, float64, or narrower, then computed in float32
//   label y [N,S] int64 in {0 … C-1, kIgnoreLabel} where m is not 0 (kInternal otherwise)
//   table U [C,C] floating, or undefined for 0; a table of zeros gives the bits of no table
//   mask m [N,S] of any dtype, ≥ 0, or undefined for 1
// Differentiable in z and U: dL/dU[y,j] is the sum of dL/dz_ij over the pixels of class y. Pixels
// that do not count may hold anything; their gradient is 0. Same bits whatever the number of
// threads. Keeps nothing for the backward but its arguments; not differentiable twice.
at::Tensor cross_entropy_with_offsets(const at::Tensor& logits, const at::Tensor& label,
                                      const at::Tensor& table, const at::Tensor& mask,
                                      const Communicator& comm);

// Logits of some images with their labels and their table, all as above.
struct LabelledLogits {
  at::Tensor logits, label, table;
};

// Collective. Returns the same over all pixels of several passes, without joining them.
at::Tensor cross_entropy_of_passes(const std::vector<LabelledLogits>& passes,
                                   const Communicator& comm);

// Computes the same with ATen's operators: for devices without a kernel, and as the reference for
// tests of the kernel.
at::Tensor cross_entropy_with_offsets_composed(const at::Tensor& logits, const at::Tensor& label,
                                               const at::Tensor& table, const at::Tensor& mask,
                                               const Communicator& comm);

// {Σ m ℓ, Σ m} float64 over the pixels of this rank, ℓ_i = CE(z_i + U[y_i,:], y_i); differentiable.
// Arguments as for cross_entropy_with_offsets. No gradient is added with atomics.
at::Tensor cross_entropy_sums_composed(const at::Tensor& logits, const at::Tensor& label,
                                       const at::Tensor& table, const at::Tensor& mask);

}  // namespace semiseg
