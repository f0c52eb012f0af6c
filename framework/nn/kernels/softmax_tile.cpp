// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/softmax_tile.h"

#include <cmath>

#include "framework/core/ignore_label.h"
#include "framework/core/simd/vector_clones.h"

namespace semiseg {
namespace {

// exp and log are written out because the compiler does not vectorise the library's. Both are exact
// to 2 ulp and propagate NaN. Cephes (expf, logf).
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

// 32-bit labels give twice the lanes; a label that does not fit is no class.
template <bool kIsRun>
SEMISEG_INTO_CLONE void narrow(const int64_t* label, int64_t step, int64_t size, int32_t* out) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) {
    const int64_t y = label[kIsRun ? i : i * step];
    out[i] = y == static_cast<int32_t>(y) ? static_cast<int32_t>(y) : -1;
  }
}

template <class T>
SEMISEG_INTO_CLONE bool labels_of(Tile<T>& tile, const int64_t* label, int64_t step) {
  int32_t* y = tile.label;
  T* weight = tile.weight;
  if (step == 1) {
    narrow<true>(label, step, tile.size, y);
  } else {
    narrow<false>(label, step, tile.size, y);
  }
  const auto classes = static_cast<uint32_t>(tile.classes);
  int32_t wrong = 0, differing = 0;
#pragma omp simd reduction(| : wrong)
  for (int64_t i = 0; i < tile.size; ++i) {
    const int32_t counts = (y[i] != kIgnoreLabel) & (weight[i] != T(0));
    wrong |= counts & static_cast<int32_t>(static_cast<uint32_t>(y[i]) >= classes);
    y[i] = counts ? y[i] : 0;
    weight[i] = counts ? weight[i] : T(0);
  }
  const int32_t first = y[0];
#pragma omp simd reduction(| : differing)
  for (int64_t i = 0; i < tile.size; ++i) differing |= y[i] ^ first;
  tile.is_uniform = differing == 0;
  return wrong == 0;
}

// Comparisons with four classes at a time: an indexed load would take longer.
template <class T>
SEMISEG_INTO_CLONE void add_offsets_to(Tile<T>& tile, const T* table) {
  const int32_t* label = tile.label;
  const auto classes = static_cast<int32_t>(tile.classes);
  for (int32_t j = 0; j < classes; ++j) {
    T* z = tile.z + j * kTile;
    const T* column = table + static_cast<int64_t>(j) * classes;
    const int32_t first = tile.is_uniform ? label[0] : 0,
                  end = tile.is_uniform ? first + 1 : classes;
    for (int32_t y = first; y < end; y += 4) {
      const T u0 = column[y], u1 = y + 1 < end ? column[y + 1] : T(0),
              u2 = y + 2 < end ? column[y + 2] : T(0), u3 = y + 3 < end ? column[y + 3] : T(0);
#pragma omp simd
      for (int64_t i = 0; i < tile.size; ++i) {
        T offset = label[i] == y ? u0 : T(0);
        offset = label[i] == y + 1 ? u1 : offset;
        offset = label[i] == y + 2 ? u2 : offset;
        z[i] += label[i] == y + 3 ? u3 : offset;
      }
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

// sum := Σ_j exp(z_j - top). Either z := the exponentials, or own := z_label - top.
template <class T, bool kKeep>
SEMISEG_INTO_CLONE void exponentiate(Tile<T>& tile) {
  T *top = tile.top, *sum = tile.sum, *own = tile.own;
  const int32_t* label = tile.label;
  for (int64_t i = 0; i < tile.size; ++i) sum[i] = own[i] = 0;
  for (int64_t j = 0; j < tile.classes; ++j) {
    T* z = tile.z + j * kTile;
    const auto wanted = static_cast<int32_t>(j);
#pragma omp simd
    for (int64_t i = 0; i < tile.size; ++i) {
      const T below_top = z[i] - top[i], e = exp_not_above_0(below_top);
      sum[i] += e;
      if constexpr (kKeep) {
        z[i] = e;
      } else {
        own[i] = label[i] == wanted ? below_top : own[i];
      }
    }
  }
}

template <class T>
SEMISEG_INTO_CLONE WeightedSum cross_entropy_of(Tile<T>& tile) {
  find_top(tile);
  exponentiate<T, false>(tile);
  const T *weight = tile.weight, *own = tile.own;
  T* sum = tile.sum;
#pragma omp simd
  for (int64_t i = 0; i < tile.size; ++i) {
    const T loss = log_from_1(sum[i]) - own[i];
    sum[i] = weight[i] != T(0) ? weight[i] * loss : T(0);
  }
  double loss = 0, total = 0;
#pragma omp simd reduction(+ : loss, total)
  for (int64_t i = 0; i < tile.size; ++i) {
    loss += static_cast<double>(sum[i]);
    total += static_cast<double>(weight[i]);
  }
  return {loss, total};
}

template <class T>
SEMISEG_INTO_CLONE void residual_of(Tile<T>& tile, T scale) {
  find_top(tile);
  exponentiate<T, true>(tile);
  const int32_t* label = tile.label;
  T *one = tile.own, *factor = tile.sum;
  const T* weight = tile.weight;
#pragma omp simd
  for (int64_t i = 0; i < tile.size; ++i) {
    one[i] = weight[i] * scale;
    factor[i] = one[i] / factor[i];
  }
  for (int64_t j = 0; j < tile.classes; ++j) {
    T* z = tile.z + j * kTile;
    const auto wanted = static_cast<int32_t>(j);
#pragma omp simd
    for (int64_t i = 0; i < tile.size; ++i) {
      const T residual = z[i] * factor[i] - (label[i] == wanted ? one[i] : T(0));
      z[i] = weight[i] != T(0) ? residual : T(0);
    }
  }
}

// Four logits at a time share the comparison, and no addition waits for the last.
template <class T>
SEMISEG_INTO_CLONE void add_if(const Tile<T>& tile, int32_t wanted, double* row) {
  const int32_t* label = tile.label;
  int64_t j = 0;
  for (; j + 4 <= tile.classes; j += 4) {
    const T* z = tile.z + j * kTile;
    T s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int64_t i = 0; i < tile.size; ++i) {
      s0 += label[i] == wanted ? z[i] : T(0);
      s1 += label[i] == wanted ? z[i + kTile] : T(0);
      s2 += label[i] == wanted ? z[i + 2 * kTile] : T(0);
      s3 += label[i] == wanted ? z[i + 3 * kTile] : T(0);
    }
    row[j] += static_cast<double>(s0);
    row[j + 1] += static_cast<double>(s1);
    row[j + 2] += static_cast<double>(s2);
    row[j + 3] += static_cast<double>(s3);
  }
  for (; j < tile.classes; ++j) {
    const T* z = tile.z + j * kTile;
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < tile.size; ++i) sum += label[i] == wanted ? z[i] : T(0);
    row[j] += static_cast<double>(sum);
  }
}

// Makes a pass over the tile for each class in it.
template <class T>
SEMISEG_INTO_CLONE void sum_by_class(const Tile<T>& tile, double* sums) {
  for (int32_t y = 0; y < static_cast<int32_t>(tile.classes); ++y) {
    int32_t found = tile.label[0] == y;
    if (!tile.is_uniform) {
#pragma omp simd reduction(| : found)
      for (int64_t i = 0; i < tile.size; ++i) found |= tile.label[i] == y;
    }
    if (found) add_if(tile, y, sums + y * tile.classes);
  }
}

}  // namespace

SEMISEG_VECTOR_CLONES void add_by_class(const Tile<float>& tile, double* sums) {
  sum_by_class(tile, sums);
}
SEMISEG_VECTOR_CLONES void add_by_class(const Tile<double>& tile, double* sums) {
  sum_by_class(tile, sums);
}
SEMISEG_VECTOR_CLONES bool set_labels(Tile<float>& tile, const int64_t* label, int64_t step) {
  return labels_of(tile, label, step);
}
SEMISEG_VECTOR_CLONES bool set_labels(Tile<double>& tile, const int64_t* label, int64_t step) {
  return labels_of(tile, label, step);
}
SEMISEG_VECTOR_CLONES void add_offsets(Tile<float>& tile, const float* table) {
  add_offsets_to(tile, table);
}
SEMISEG_VECTOR_CLONES void add_offsets(Tile<double>& tile, const double* table) {
  add_offsets_to(tile, table);
}
SEMISEG_VECTOR_CLONES WeightedSum weighted_cross_entropy(Tile<float>& tile) {
  return cross_entropy_of(tile);
}
SEMISEG_VECTOR_CLONES WeightedSum weighted_cross_entropy(Tile<double>& tile) {
  return cross_entropy_of(tile);
}
SEMISEG_VECTOR_CLONES void make_residual(Tile<float>& tile, float scale) {
  residual_of(tile, scale);
}
SEMISEG_VECTOR_CLONES void make_residual(Tile<double>& tile, double scale) {
  residual_of(tile, scale);
}

}  // namespace semiseg
