// SPDX-License-Identifier: Apache-2.0
// A mask of one bit a voxel inside a halo of zeros: 64 voxels of a row are one word, so that
// borders are a few logical operations and the nearest voxel of a row is one count of zeros.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "framework/metrics/label_boxes.h"

namespace semiseg {

class BitGrid {
 public:
  BitGrid() = default;
  explicit BitGrid(const Index3& size)
      : size_(size),
        words_((size[2] + 63) / 64),
        data_(static_cast<size_t>((size[0] + 2) * (size[1] + 2) * stride())) {}

  const Index3& size() const { return size_; }
  int64_t words() const { return words_; }  // words of a row; voxel x is bit x % 64 of word x / 64
  int64_t stride() const { return words_ + 2; }  // words from a row to the next: zeros either side
  int64_t plane_stride() const { return (size_[1] + 2) * stride(); }

  // Planes -1 … D and rows -1 … H exist, and words -1 … words() of each; those outside are zero.
  uint64_t* row(int64_t z, int64_t y) { return data_.data() + offset(z, y); }
  const uint64_t* row(int64_t z, int64_t y) const { return data_.data() + offset(z, y); }

  bool at(int64_t z, int64_t y, int64_t x) const {
    return x >= 0 && x < size_[2] && (row(z, y)[x / 64] >> (x % 64) & 1) != 0;
  }
  int64_t count_plane(int64_t z) const {
    int64_t count = 0;
    for (int64_t y = 0; y < size_[1]; ++y) {
      for (int64_t w = 0; w < words_; ++w) count += std::popcount(row(z, y)[w]);
    }
    return count;
  }

 private:
  int64_t offset(int64_t z, int64_t y) const {
    return (z + 1) * plane_stride() + (y + 1) * stride() + 1;
  }

  Index3 size_ = {0, 0, 0};
  int64_t words_ = 0;
  std::vector<uint64_t> data_;
};

// Returns word w of a row moved by one voxel: bit x of the result is voxel x - 1 (before), x + 1
// (behind).
inline uint64_t voxels_before(const uint64_t* row, int64_t w) {
  return row[w] << 1 | row[w - 1] >> 63;
}
inline uint64_t voxels_behind(const uint64_t* row, int64_t w) {
  return row[w] >> 1 | row[w + 1] << 63;
}

// Calls action(Index3) for each voxel of plane z, in raster order.
template <class Action>
void for_each_voxel(const BitGrid& grid, int64_t z, const Action& action) {
  for (int64_t y = 0; y < grid.size()[1]; ++y) {
    for (int64_t w = 0; w < grid.words(); ++w) {
      for (uint64_t bits = grid.row(z, y)[w]; bits != 0; bits &= bits - 1) {
        action(Index3{z, y, 64 * w + std::countr_zero(bits)});
      }
    }
  }
}

// Sets plane z of `mask` to where `labels` (the whole map, of this size) equals `label` inside the
// box that begins at `begin` and has the mask's size. Threads may set different planes at the same
// time.
void set_plane(BitGrid& mask, const uint8_t* labels, const Index3& map_size, const Index3& begin,
               uint8_t label, int64_t z);

}  // namespace semiseg
