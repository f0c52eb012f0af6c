// SPDX-License-Identifier: Apache-2.0
// Computes with ATen's operators what the kernels of offset_cross_entropy compute.
#pragma once

#include <ATen/core/Tensor.h>

namespace semiseg {

// {Σ m ℓ, Σ m} float64 over the pixels of this rank, ℓ_i = CE(z_i + U[y_i,:], y_i); differentiable.
// Arguments as for cross_entropy_with_offsets. No gradient is added with atomics.
at::Tensor cross_entropy_sums_composed(const at::Tensor& logits, const at::Tensor& label,
                                       const at::Tensor& table, const at::Tensor& mask);

}  // namespace semiseg
