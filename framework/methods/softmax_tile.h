// SPDX-License-Identifier: Apache-2.0
// Softmax and cross entropy of a few hundred pixels at a time, vectorised over pixels whatever the
// number of classes.
#pragma once

#include <cstdint>
#include <vector>

namespace semiseg {

inline constexpr int64_t kTile = 256;  // pixels; a tile stays in the first-level cache

// A tile of kTile pixels [C, kTile] and what belongs to each pixel.
template <class T>
struct Tile {
  explicit Tile(int64_t classes)
      : classes(classes), z(classes * kTile), label(kTile), weight(kTile), top(kTile), sum(kTile) {}
  int64_t classes, size = 0;
  std::vector<T> z;
  std::vector<int32_t> label;  // 0 where the pixel does not count
  std::vector<T> weight;       // m, 0 where it does not
  std::vector<T> top, sum;     // of the softmax
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

}  // namespace semiseg
