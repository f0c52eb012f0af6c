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
  T* z = nullptr;                        // [classes, kTile]
  int32_t label[kTile];                  // 0 where the pixel does not count
  T weight[kTile];                       // m, 0 where it does not
  T top[kTile], sum[kTile], own[kTile];  // of the softmax; own: the term of the label
  bool is_uniform = false;               // all labels are equal, as in most tiles of a segmentation
};

struct WeightedSum {
  double loss, weight;  // Σ m ℓ, Σ m
};

// label and is_uniform from those of the pixels, `step` apart; weight becomes 0 where a label is
// kIgnoreLabel. False if a pixel that counts has no class.
bool set_labels(Tile<float>& tile, const int64_t* label, int64_t step);
bool set_labels(Tile<double>& tile, const int64_t* label, int64_t step);

// z[j,i] += table[j, label[i]]; table [C,C] has the offsets of one logit together.
void add_offsets(Tile<float>& tile, const float* table);
void add_offsets(Tile<double>& tile, const double* table);

// ℓ = CE(z, label). Uses top, sum and own.
WeightedSum weighted_cross_entropy(Tile<float>& tile);
WeightedSum weighted_cross_entropy(Tile<double>& tile);

// z := scale m (softmax z - onehot label), 0 where m is 0. Uses top, sum and own.
void make_residual(Tile<float>& tile, float scale);
void make_residual(Tile<double>& tile, double scale);

// Adds Σ z_ij over the pixels i of class y to sums[y,j].
void add_by_class(const Tile<float>& tile, double* sums);
void add_by_class(const Tile<double>& tile, double* sums);

}  // namespace semiseg
