// SPDX-License-Identifier: Apache-2.0
// Softmax and cross entropy of a few hundred pixels at a time, vectorised over pixels whatever the
// number of classes.
#pragma once

#include <cstdint>

namespace semiseg {

inline constexpr int64_t kTile = 256;  // pixels; a tile stays in the first-level cache

// Pixels and what belongs to each. Plain memory: the kernels call no ordinary function
// (vector_clones.h).
template <class T>
struct Tile {
  int64_t classes = 0, size = 0;
  T* z = nullptr;            // [classes, kTile]
  int32_t label[kTile];      // 0 where the pixel does not count
  T weight[kTile];           // m, 0 where it does not
  T top[kTile], sum[kTile];  // of the softmax
  bool is_uniform = false;   // all labels are equal, as in most tiles of a segmentation
};

// z[j,i] += table[j, label[i]]; table [C,C] has the offsets of one logit together.
void add_offsets(Tile<float>& tile, const float* table);
void add_offsets(Tile<double>& tile, const double* table);

// Σ m CE(z, label). Uses top and sum.
double weighted_cross_entropy(Tile<float>& tile);
double weighted_cross_entropy(Tile<double>& tile);

// z := scale m (softmax z - onehot label), 0 where m is 0. Uses top and sum.
void make_residual(Tile<float>& tile, float scale);
void make_residual(Tile<double>& tile, double scale);

// Adds Σ z_ij over the pixels i of class y to sums[0,y,j] + sums[1,y,j]; sums [2,C,C].
void add_by_class(const Tile<float>& tile, double* sums);
void add_by_class(const Tile<double>& tile, double* sums);

}  // namespace semiseg
