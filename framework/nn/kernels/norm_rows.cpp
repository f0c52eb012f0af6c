// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/norm_rows.h"

#include "framework/core/simd/vector_clones.h"

namespace semiseg {
namespace {

SEMISEG_INTO_CLONE float value(Bfloat16 x) { return widened(x); }
SEMISEG_INTO_CLONE float value(float x) { return x; }
SEMISEG_INTO_CLONE double value(double x) { return x; }

SEMISEG_INTO_CLONE void store(float x, Bfloat16& out) { out = narrowed(x); }
SEMISEG_INTO_CLONE void store(float x, float& out) { out = x; }
SEMISEG_INTO_CLONE void store(double x, double& out) { out = x; }

// Calls body(i, l) for value i with coefficient l, row by row.
template <class Body>
SEMISEG_INTO_CLONE void for_rows(int64_t size, int64_t row, const Body& body) {
  for (int64_t first = 0; first < size; first += row) {
    const int64_t end = size - first < row ? size - first : row;
#pragma omp simd
    for (int64_t l = 0; l < end; ++l) body(first + l, l);
  }
}

template <class S, class A>
SEMISEG_INTO_CLONE void add_values_of(const NormRows<S, A>& r, A* sums) {
  const S* x = r.x;
  for_rows(
      r.size,
      r.row, [=](int64_t i, int64_t l) __attribute__((always_inline)) { sums[l] += value(x[i]); });
}

template <class S, class A>
SEMISEG_INTO_CLONE void add_squares_of(const NormRows<S, A>& r, A* squares) {
  const S* x = r.x;
  const A* mean = r.mean;
  for_rows(
      r.size, r.row, [=](int64_t i, int64_t l) __attribute__((always_inline)) {
        const A centred = value(x[i]) - mean[l];
        squares[l] += centred * centred;
      });
}

template <bool kDrops, class S, class A>
SEMISEG_INTO_CLONE void normalise_rows(const NormRows<S, A>& r, S* y) {
  const S* x = r.x;
  const uint8_t* keep = r.keep;
  const A *scale = r.scale, *shift = r.shift, slope = r.slope, kept = r.keep_scale;
  for_rows(
      r.size, r.row, [=](int64_t i, int64_t l) __attribute__((always_inline)) {
        const A z = value(x[i]) * scale[l] + shift[l];
        A out = z > 0 ? z : z * slope;
        if constexpr (kDrops) out = keep[i] ? out * kept : 0;
        store(out, y[i]);
      });
}

// Calls body(i, l, x - mean, d) for each value; d: the gradient that reaches the norm's output.
template <bool kDrops, class S, class A, class Body>
SEMISEG_INTO_CLONE void for_gradients(const NormRows<S, A>& r, const S* dy, const Body& body) {
  const S* x = r.x;
  const uint8_t* keep = r.keep;
  const A *mean = r.mean, *scale = r.scale, *shift = r.shift, slope = r.slope, kept = r.keep_scale;
  for_rows(
      r.size, r.row, [=](int64_t i, int64_t l) __attribute__((always_inline)) {
        const A v = value(x[i]), gradient = value(dy[i]);
        A d = v * scale[l] + shift[l] > 0 ? gradient : gradient * slope;
        if constexpr (kDrops) d = keep[i] ? d * kept : 0;
        body(i, l, v - mean[l], d);
      });
}

template <bool kDrops, class S, class A>
SEMISEG_INTO_CLONE void add_gradients_of(const NormRows<S, A>& r, const S* dy, A* sums,
                                         A* products) {
  for_gradients<kDrops>(
      r, dy, [=](int64_t, int64_t l, A centred, A d) __attribute__((always_inline)) {
        sums[l] += d;
        products[l] += d * centred;
      });
}

template <bool kDrops, class S, class A>
SEMISEG_INTO_CLONE void make_input_gradient_of(const NormRows<S, A>& r, const S* dy,
                                               const A* slope_of_x, const A* constant, S* dx) {
  const A* scale = r.scale;
  for_gradients<kDrops>(
      r, dy, [=](int64_t i, int64_t l, A centred, A d) __attribute__((always_inline)) {
        store(scale[l] * d + slope_of_x[l] * centred + constant[l], dx[i]);
      });
}

}  // namespace

#define SEMISEG_NORM_ROWS(S, A)                                                                   \
  SEMISEG_VECTOR_CLONES void add_values(const NormRows<S, A>& rows, A* sums) {                    \
    add_values_of(rows, sums);                                                                    \
  }                                                                                               \
  SEMISEG_VECTOR_CLONES void add_squares(const NormRows<S, A>& rows, A* squares) {                \
    add_squares_of(rows, squares);                                                                \
  }                                                                                               \
  SEMISEG_VECTOR_CLONES void normalise(const NormRows<S, A>& rows, S* y) {                        \
    rows.keep ? normalise_rows<true>(rows, y) : normalise_rows<false>(rows, y);                   \
  }                                                                                               \
  SEMISEG_VECTOR_CLONES void add_gradients(const NormRows<S, A>& rows, const S* dy, A* sums,      \
                                           A* products) {                                         \
    rows.keep ? add_gradients_of<true>(rows, dy, sums, products)                                  \
              : add_gradients_of<false>(rows, dy, sums, products);                                \
  }                                                                                               \
  SEMISEG_VECTOR_CLONES void make_input_gradient(const NormRows<S, A>& rows, const S* dy,         \
                                                 const A* slope_of_x, const A* constant, S* dx) { \
    rows.keep ? make_input_gradient_of<true>(rows, dy, slope_of_x, constant, dx)                  \
              : make_input_gradient_of<false>(rows, dy, slope_of_x, constant, dx);                \
  }
SEMISEG_NORM_ROWS(Bfloat16, float)
SEMISEG_NORM_ROWS(float, float)
SEMISEG_NORM_ROWS(double, double)
#undef SEMISEG_NORM_ROWS

}  // namespace semiseg
