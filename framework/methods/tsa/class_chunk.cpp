// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/class_chunk.h"

#include "framework/core/simd/vector_clones.h"

namespace semiseg {
namespace {

SEMISEG_INTO_CLONE float value(Bfloat16 x) { return widened(x); }
SEMISEG_INTO_CLONE float value(float x) { return x; }
SEMISEG_INTO_CLONE double value(double x) { return x; }

template <class Stored, class T>
SEMISEG_INTO_CLONE void gather(const Stored* x, int64_t channel, int64_t step,
                               const int32_t* pixels, int64_t size, const T* near, int64_t features,
                               T* chunk) {
  const auto jump = static_cast<int32_t>(step);  // an index of 32 bits: twice the lanes
  const bool is_run = step == 1 && pixels[size - 1] - pixels[0] == size - 1;
  for (int64_t a = 0; a < features; ++a, x += channel, chunk += kChunk) {
    const T centre = near[a];
    if (is_run) {
      const Stored* first = x + pixels[0];
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) chunk[i] = value(first[i]) - centre;
    } else {
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) chunk[i] = value(x[pixels[i] * jump]) - centre;
    }
  }
}

// Two neighbouring channels at a time, because there is no gather of 16 bits. In memory the first
// is the lower half.
SEMISEG_INTO_CLONE void gather_pairs(const Bfloat16* x, int64_t step, const int32_t* pixels,
                                     int64_t size, const float* near, int64_t features,
                                     float* chunk) {
  using Pair [[gnu::may_alias, gnu::aligned(2)]] = uint32_t;
  const auto jump = static_cast<int32_t>(step / 2);
  for (int64_t a = 0; a < features; a += 2, chunk += 2 * kChunk) {
    const auto* pairs = reinterpret_cast<const Pair*>(x + a);
    const float first = near[a], second = near[a + 1];
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) {
      const uint32_t bits = pairs[pixels[i] * jump];
      chunk[i] = __builtin_bit_cast(float, bits << 16) - first;
      chunk[i + kChunk] = __builtin_bit_cast(float, bits & 0xffff0000u) - second;
    }
  }
}

// Four products of a row at a time share the loads of its left factor.
template <class T>
SEMISEG_INTO_CLONE void add_products(const T* chunk, int64_t size, int64_t features, bool full,
                                     double* sum, double* scatter) {
  for (int64_t a = 0; a < features; ++a) {
    const T* x = chunk + a * kChunk;
    T total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < size; ++i) total += x[i];
    sum[a] += static_cast<double>(total);
    const int64_t end = full ? features : a + 1;
    int64_t b = a;
    for (; b + 4 <= end; b += 4, scatter += 4) {
      const T* y = chunk + b * kChunk;
      T p0 = 0, p1 = 0, p2 = 0, p3 = 0;
#pragma omp simd reduction(+ : p0, p1, p2, p3)
      for (int64_t i = 0; i < size; ++i) {
        p0 += x[i] * y[i];
        p1 += x[i] * y[i + kChunk];
        p2 += x[i] * y[i + 2 * kChunk];
        p3 += x[i] * y[i + 3 * kChunk];
      }
      scatter[0] += static_cast<double>(p0);
      scatter[1] += static_cast<double>(p1);
      scatter[2] += static_cast<double>(p2);
      scatter[3] += static_cast<double>(p3);
    }
    for (; b < end; ++b, ++scatter) {
      const T* y = chunk + b * kChunk;
      T p = 0;
#pragma omp simd reduction(+ : p)
      for (int64_t i = 0; i < size; ++i) p += x[i] * y[i];
      *scatter += static_cast<double>(p);
    }
  }
}

}  // namespace

SEMISEG_VECTOR_CLONES void gather_chunk(const float* x, int64_t channel, int64_t step,
                                        const int32_t* pixels, int64_t size, const float* near,
                                        int64_t features, float* chunk) {
  gather(x, channel, step, pixels, size, near, features, chunk);
}
SEMISEG_VECTOR_CLONES void gather_chunk(const double* x, int64_t channel, int64_t step,
                                        const int32_t* pixels, int64_t size, const double* near,
                                        int64_t features, double* chunk) {
  gather(x, channel, step, pixels, size, near, features, chunk);
}
SEMISEG_VECTOR_CLONES void gather_chunk(const Bfloat16* x, int64_t channel, int64_t step,
                                        const int32_t* pixels, int64_t size, const float* near,
                                        int64_t features, float* chunk) {
  if (channel == 1 && step % 2 == 0 && features % 2 == 0) {
    gather_pairs(x, step, pixels, size, near, features, chunk);
  } else {
    gather(x, channel, step, pixels, size, near, features, chunk);
  }
}

SEMISEG_VECTOR_CLONES void add_chunk(const float* chunk, int64_t size, int64_t features, bool full,
                                     double* sum, double* scatter) {
  add_products(chunk, size, features, full, sum, scatter);
}
SEMISEG_VECTOR_CLONES void add_chunk(const double* chunk, int64_t size, int64_t features, bool full,
                                     double* sum, double* scatter) {
  add_products(chunk, size, features, full, sum, scatter);
}

}  // namespace semiseg
