// SPDX-License-Identifier: Apache-2.0
// Sums of features and of their products by class over the pixels of a batch, in one pass: all that
// the memory of TSA (class_memory.h) needs of a batch. Axis legend: N samples, A features, C
// classes, S spatial axes, P numbers of a scatter matrix.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

#include "framework/nn/losses/offset_cross_entropy.h"

namespace semiseg {

enum class CovarianceKind {
  kFull,       // P = A (A + 1) / 2: upper triangle, row by row
  kDiagonal,   // P = A
  kIsotropic,  // P = A, averaged over the features when read
};

// Sums over pixels about a shift that all ranks share; they add up over blocks, steps and ranks.
struct BatchSums {
  // float64 [C, 2 + A + P] with q = x - shift: number of pixels; the same, decayed; Σ q; Σ q qᵀ.
  at::Tensor values;
  int64_t features = 0;  // A

  at::Tensor count() const { return values.select(1, 0); }
  at::Tensor weight() const { return values.select(1, 1); }
  at::Tensor sum() const { return values.narrow(1, 2, features); }
  at::Tensor scatter() const { return values.slice(1, 2 + features); }
};

// One pass over a batch. features [N,A,S] float32, float64 or bfloat16 (on a GPU float16, too), any
// strides; label [N,S] int64 in {0 … C-1, kIgnoreLabel} (kInternal otherwise), any strides; shift
// [C,A] float64. No gradient. The result has the same bits whatever the number of threads, and is
// exact to about 1e-7 of the covariance also where |mean| >> deviation. Local to this rank. Beside
// the result it needs 8 (2 + A + P) C bytes for each 4096 pixels.
BatchSums batch_sums(const at::Tensor& features, const at::Tensor& label, const at::Tensor& shift,
                     CovarianceKind kind);

// Returns the same for each sample alone: float64 [N, C, 2 + A + P], made of the sample's blocks in
// their order, whatever else is in the batch. batch_sums is their sum in the order of samples.
at::Tensor sample_sums(const at::Tensor& features, const at::Tensor& label, const at::Tensor& shift,
                       CovarianceKind kind);

// Returns the sum of rows of sample_sums, added in their order.
at::Tensor sum_of_samples(const at::Tensor& rows);

// Computes batch_sums with ATen's operators in float64: for devices without a kernel, and as the
// reference for tests of the kernel.
BatchSums batch_sums_composed(const at::Tensor& features, const at::Tensor& label,
                              const at::Tensor& shift, CovarianceKind kind);

// Returns row and column of each number of a scatter matrix, int64 [P].
std::pair<at::Tensor, at::Tensor> scatter_index(int64_t features, CovarianceKind kind,
                                                at::Device device);

}  // namespace semiseg
