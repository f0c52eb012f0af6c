// SPDX-License-Identifier: Apache-2.0
// Sums and products of the features of a few hundred pixels of one class, vectorised over the
// pixels.
#pragma once

#include <cstdint>

#include "framework/core/simd/vector_clones.h"

namespace semiseg {

// Pixels summed in the features' precision; they fit into the first-level cache.
inline constexpr int64_t kChunk = 256;

// chunk [A, kChunk]: the features of the pixels less a point near them,
//   chunk[a,i] = x[a · channel + pixels[i] · step] - near[a]
// `pixels` ascend, and the last times `step` is less than 2^31.
void gather_chunk(const float* x, int64_t channel, int64_t step, const int32_t* pixels,
                  int64_t size, const float* near, int64_t features, float* chunk);
void gather_chunk(const double* x, int64_t channel, int64_t step, const int32_t* pixels,
                  int64_t size, const double* near, int64_t features, double* chunk);
void gather_chunk(const Bfloat16* x, int64_t channel, int64_t step, const int32_t* pixels,
                  int64_t size, const float* near, int64_t features, float* chunk);

// Adds Σ q to sum [A] and Σ q qᵀ to scatter: the upper triangle row by row, or the diagonal alone.
void add_chunk(const float* chunk, int64_t size, int64_t features, bool full, double* sum,
               double* scatter);
void add_chunk(const double* chunk, int64_t size, int64_t features, bool full, double* sum,
               double* scatter);

}  // namespace semiseg
