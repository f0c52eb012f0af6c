// SPDX-License-Identifier: Apache-2.0
// The passes of a batch norm over images on the CPU, threaded in chunks whose partial sums are
// added in one order whatever the number of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/nn/kernels/batch_norm.h"

namespace semiseg {

// The coefficients of the channels, [C] float64 each.
struct NormCoefficients {
  at::Tensor mean;
  at::Tensor scale, shift;  // the norm is scale x + shift
};

// x, dy: [N,C,S], S of two or three axes, channels-last contiguous, bfloat16, float32 or float64
// (kInternal otherwise); N may be 0. after.keep, if there is one, likewise contiguous. Local.

// [2,C] float64: mean and Σ (x - mean)².
at::Tensor local_moments(const at::Tensor& x);
// dropout(activation(scale x + shift)), like x.
at::Tensor normalise(const at::Tensor& x, const NormCoefficients& norm, const AfterNorm& after);
// [2,C] float64: Σ d and Σ d (x - mean), d = dy through dropout and activation.
at::Tensor gradient_sums(const at::Tensor& dy, const at::Tensor& x, const NormCoefficients& norm,
                         const AfterNorm& after);
// scale d + slope_of_x (x - mean) + constant, like x; both [C] float64.
at::Tensor input_gradient(const at::Tensor& dy, const at::Tensor& x, const NormCoefficients& norm,
                          const AfterNorm& after, const at::Tensor& slope_of_x,
                          const at::Tensor& constant);

}  // namespace semiseg
