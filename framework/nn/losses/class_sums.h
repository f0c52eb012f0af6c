// SPDX-License-Identifier: Apache-2.0
// Computes the sums over pixels that every Dice loss needs, in one pass over the probabilities.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace semiseg {

// p [N,K,S] floating, label [N,S] int64 or uint8, mask [N,S] (any dtype, ≥ 0) or undefined for 1
// everywhere. Channel i stands for class first_class + i; other labels belong to no class, and
// pixels labelled kIgnoreLabel (ignore_label.h) count in no sum. Returns [3,K] float64:
// Σ m p [y = c], Σ m p^power, Σ m [y = c]; power is 1 or 2. Local to this rank; differentiable in
// p. Sums are made in an order that does not depend on the number of threads.
at::Tensor class_sums(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                      int64_t power, int64_t first_class = 0);

// Returns the sums of each sample, [N,3,K].
at::Tensor class_sums_of_samples(const at::Tensor& p, const at::Tensor& label,
                                 const at::Tensor& mask, int64_t power);

// Computes class_sums with ATen's operators: for devices without a kernel, and as the reference for
// tests of the kernel.
at::Tensor class_sums_composed(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                               int64_t power, int64_t first_class = 0);

}  // namespace semiseg
