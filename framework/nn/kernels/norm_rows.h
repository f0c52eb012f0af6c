// SPDX-License-Identifier: Apache-2.0
// A batch norm with the activation and dropout after it, over channels-last values as one long row:
// coefficients of the channels are repeated to kRow or more, so that loops are long and vectorised
// whatever the number of channels.
#pragma once

#include <cstdint>

#include "framework/core/simd/vector_clones.h"

namespace semiseg {

inline constexpr int64_t kRow = 512;  // values; coefficients stay in the first-level cache

// Values of one chunk and the coefficients of its channels. Plain memory: the kernels call no
// ordinary function (vector_clones.h). S: stored type; A: float, or double for double.
template <class S, class A>
struct NormRows {
  int64_t size = 0;               // values, a multiple of the channels
  int64_t row = 0;                // values of a repetition of the coefficients
  const S* x = nullptr;           // [size]
  const uint8_t* keep = nullptr;  // [size], 0 where dropout drops; null: no dropout
  const A* mean = nullptr;        // [row] each
  const A* scale = nullptr;
  const A* shift = nullptr;
  A slope = 1;       // slope of the activation below 0; 1: none
  A keep_scale = 1;  // scale where dropout keeps
};

// add_values:          sums[row] += x
// add_squares:         squares[row] += (x - mean)²
// normalise:           y = dropout(activation(scale x + shift))
// add_gradients:       sums[row] += d, products[row] += d (x - mean),
//                      d = dy through dropout and activation
// make_input_gradient: dx = scale d + slope_of_x (x - mean) + constant, both [row]
//
// x, y, dy, dx: [size]. An overload for each type, because a clone cannot be a template.
#define SEMISEG_NORM_ROWS(S, A)                                                          \
  void add_values(const NormRows<S, A>& rows, A* sums);                                  \
  void add_squares(const NormRows<S, A>& rows, A* squares);                              \
  void normalise(const NormRows<S, A>& rows, S* y);                                      \
  void add_gradients(const NormRows<S, A>& rows, const S* dy, A* sums, A* products);     \
  void make_input_gradient(const NormRows<S, A>& rows, const S* dy, const A* slope_of_x, \
                           const A* constant, S* dx);
SEMISEG_NORM_ROWS(Bfloat16, float)
SEMISEG_NORM_ROWS(float, float)
SEMISEG_NORM_ROWS(double, double)
#undef SEMISEG_NORM_ROWS

}  // namespace semiseg
