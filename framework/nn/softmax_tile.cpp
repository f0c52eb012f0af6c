// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/softmax_tile.h"

#include <cmath>

#include "framework/core/vector_clones.h"

namespace semiseg {
namespace {

// exp and log are written out because the compiler does not vectorise the library's. Both are good
// to 2 ulp and pass NaN on. Cephes (expf, logf).
SEMISEG_INTO_CLONE float exp_not_above_0(float x) {
  x = x < -87.0f ? -87.0f : x;
  // Adding 1.5 · 2^23 rounds to an integer and leaves it in the low bits.
  const float shifted = x * 1.44269504088896341f + 12582912.0f, n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * __builtin_bit_cast(float, (__builtin_bit_cast(uint32_t, shifted) << 23) + 0x3f800000u);
}

SEMISEG_INTO_CLONE float log_from_1(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x) - 0x3f3504f3u;  // mantissa in [√½, √2)
  const float e = static_cast<float>(static_cast<int32_t>(bits) >> 23);
  const float r = __builtin_bit_cast(float, (bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float p = 7.0376836292e-2f;
  p = p * r - 1.1514610310e-1f;
  p = p * r + 1.1676998740e-1f;
  p = p * r - 1.2420140846e-1f;
  p = p * r + 1.4249322787e-1f;
  p = p * r - 1.6668057665e-1f;
  p = p * r + 2.0000714765e-1f;
  p = p * r - 2.4999993993e-1f;
  p = p * r + 3.3333331174e-1f;
  const float square = r * r;
  const float result = (p * r * square - e * 2.12194440e-4f) - 0.5f * square + r + e * 0.693359375f;
  return result + (x - x);  // the bits of NaN would read as a number
}

SEMISEG_INTO_CLONE double exp_not_above_0(double x) { return std::exp(x); }
SEMISEG_INTO_CLONE double log_from_1(double x) { return std::log(x); }

template <class T>
SEMISEG_INTO_CLONE void add_offsets_to(Tile<T>& tile, const T* table) {
  const int32_t* label = tile.label;
  for (int64_t j = 0; j < tile.classes; ++j) {
    T* z = tile.z + j * kTile;
    const T* column = table + j * tile.classes;
    if (tile.is_uniform) {
      const T offset = column[label[0]];
#pragma omp simd
      for (int64_t i = 0; i < tile.size; ++i) z[i] += offset;
    } else {
#pragma omp simd
      for (int64_t i = 0; i < tile.size; ++i) z[i] += column[label[i]];
    }
  }
}

template <class T>
SEMISEG_INTO_CLONE void find_top(Tile<T>& tile) {
  T* top = tile.top;
  for (int64_t i = 0; i < tile.size; ++i) top[i] = tile.z[i];
  for (int64_t j = 1; j < tile.classes; ++j) {
    const T* z = tile.z + j * kTile;
#pragma omp simd
    for (int64_t i = 0; i < tile.size; ++i) top[i] = z[i] > top[i] ? z[i] : top[i];
  }
}

template <class T, bool kKeep>
SEMISEG_INTO_CLONE void exponentiate(Tile<T>& tile) {
  const T* top = tile.top;
  T* sum = tile.sum;
  for (int64_t i = 0; i < tile.size; ++i) sum[i] = 0;
  for (int64_t j = 0; j < tile.classes; ++j) {
    T* z = tile.z + j * kTile;
#pragma omp simd
    for (int64_t i = 0; i < tile.size; ++i) {
      const T e = exp_not_above_0(z[i] - top[i]);
      sum[i] += e;
      if constexpr (kKeep) z[i] = e;
    }
  }
}

// Σ m ℓ of a tile whose z is complete.
template <class T>
SEMISEG_INTO_CLONE double cross_entropy_of(Tile<T>& tile) {
  find_top(tile);
  exponentiate<T, false>(tile);
  T *weight = tile.weight, *top = tile.top, *sum = tile.sum, *z = tile.z;
  const int32_t* label = tile.label;
  // A loop of its own: a gather under a condition is not vectorised.
#pragma omp simd
  for (int64_t i = 0; i < tile.size; ++i) top[i] = z[label[i] * kTile + i] - top[i];
#pragma omp simd
  for (int64_t i = 0; i < tile.size; ++i) {
    const T loss = log_from_1(sum[i]) - top[i];
    sum[i] = weight[i] != T(0) ? weight[i] * loss : T(0);
  }
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < tile.size; ++i) total += static_cast<double>(sum[i]);
  return total;
}

// z := scale m softmax.
template <class T>
SEMISEG_INTO_CLONE void tile_softmax(Tile<T>& tile, T scale) {
  find_top(tile);
  exponentiate<T, true>(tile);
  const T* weight = tile.weight;
  T* factor = tile.sum;
#pragma omp simd
  for (int64_t i = 0; i < tile.size; ++i) factor[i] = weight[i] * scale / factor[i];
  for (int64_t j = 0; j < tile.classes; ++j) {
    T* z = tile.z + j * kTile;
#pragma omp simd
    for (int64_t i = 0; i < tile.size; ++i) z[i] = weight[i] != T(0) ? z[i] * factor[i] : T(0);
  }
}

template <class T>
SEMISEG_INTO_CLONE void residual_of(Tile<T>& tile, T scale) {
  tile_softmax(tile, scale);
  for (int64_t i = 0; i < tile.size; ++i)
    tile.z[tile.label[i] * kTile + i] -= tile.weight[i] * scale;
}

template <class T>
SEMISEG_INTO_CLONE void sum_rows(const Tile<T>& tile, double* row) {
  for (int64_t j = 0; j < tile.classes; ++j) {
    const T* z = tile.z + j * kTile;
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < tile.size; ++i) sum += z[i];
    row[j] += static_cast<double>(sum);
  }
}

template <class T>
SEMISEG_INTO_CLONE void sum_by_class(const Tile<T>& tile, double* sums) {
  const int64_t classes = tile.classes;
  if (tile.is_uniform) return sum_rows(tile, sums + tile.label[0] * classes);
  for (int64_t i = 0; i < tile.size; ++i) {
    // Neighbours mostly have the same class: two sums in turn, so that none waits for the last.
    double* row = sums + (i % 2 * classes + tile.label[i]) * classes;
    const T* z = tile.z + i;
    for (int64_t j = 0; j < classes; ++j, z += kTile) row[j] += static_cast<double>(*z);
  }
}

}  // namespace

SEMISEG_VECTOR_CLONES void add_by_class(const Tile<float>& tile, double* sums) {
  sum_by_class(tile, sums);
}
SEMISEG_VECTOR_CLONES void add_by_class(const Tile<double>& tile, double* sums) {
  sum_by_class(tile, sums);
}
SEMISEG_VECTOR_CLONES void add_offsets(Tile<float>& tile, const float* table) {
  add_offsets_to(tile, table);
}
SEMISEG_VECTOR_CLONES void add_offsets(Tile<double>& tile, const double* table) {
  add_offsets_to(tile, table);
}
SEMISEG_VECTOR_CLONES double weighted_cross_entropy(Tile<float>& tile) {
  return cross_entropy_of(tile);
}
SEMISEG_VECTOR_CLONES double weighted_cross_entropy(Tile<double>& tile) {
  return cross_entropy_of(tile);
}
SEMISEG_VECTOR_CLONES void make_residual(Tile<float>& tile, float scale) {
  residual_of(tile, scale);
}
SEMISEG_VECTOR_CLONES void make_residual(Tile<double>& tile, double scale) {
  residual_of(tile, scale);
}

}  // namespace semiseg
