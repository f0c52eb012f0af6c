// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/class_chunk.h"

#include "framework/core/vector_clones.h"

namespace semiseg {
namespace {

template <class Stored, class T>
SEMISEG_INTO_CLONE void gather(const Stored* x, int64_t channel, int64_t step,
                               const int32_t* pixels, int64_t size, const T* near, int64_t features,
                               T* chunk) {
  const bool is_run = step == 1 && pixels[size - 1] - pixels[0] == size - 1;
  for (int64_t a = 0; a < features; ++a, x += channel, chunk += kChunk) {
    const T centre = near[a];
    if (is_run) {
      const Stored* first = x + pixels[0];
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) chunk[i] = static_cast<T>(first[i]) - centre;
    } else if (step == 1) {  // an index of 32 bits: twice the lanes of the general gather
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) chunk[i] = static_cast<T>(x[pixels[i]]) - centre;
    } else {
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) chunk[i] = static_cast<T>(x[pixels[i] * step]) - centre;
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
// Its conversion is an ordinary function.
void gather_chunk(const c10::BFloat16* x, int64_t channel, int64_t step, const int32_t* pixels,
                  int64_t size, const float* near, int64_t features, float* chunk) {
  gather(x, channel, step, pixels, size, near, features, chunk);
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
