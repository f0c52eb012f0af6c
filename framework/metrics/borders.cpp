// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/borders.h"

#include <cstdlib>

namespace semiseg {
namespace {

// Voxels of word w all of whose neighbours are inside.
uint64_t inner_voxels(const BitGrid& mask, const BorderRule& rule, int64_t z, int64_t y,
                      int64_t w) {
  uint64_t inner = mask.row(z, y)[w];
  const int64_t planes = rule.axes == 3 ? 1 : 0;
  for (int64_t dz = -planes; dz <= planes; ++dz) {
    for (int64_t dy = -1; dy <= 1; ++dy) {
      const int64_t differing = std::abs(dz) + std::abs(dy);
      if (differing > rule.connectivity) continue;
      const uint64_t* row = mask.row(z + dz, y + dy);
      inner &= row[w];
      if (differing < rule.connectivity) inner &= voxels_before(row, w) & voxels_behind(row, w);
    }
  }
  return inner;
}

}  // namespace

void set_border_plane(BitGrid& border, const BitGrid& mask, const BorderRule& rule, int64_t z) {
  for (int64_t y = 0; y < mask.size()[1]; ++y) {
    for (int64_t w = 0; w < mask.words(); ++w) {
      const uint64_t inside = mask.row(z, y)[w];
      border.row(z, y)[w] = inside == 0 ? 0 : inside & ~inner_voxels(mask, rule, z, y, w);
    }
  }
}

Index3 size_of_corners(const Index3& voxels, int axes) {
  return {axes == 3 ? voxels[0] + 1 : 1, voxels[1] + 1, voxels[2] + 1};
}

void set_corner_plane(BitGrid& corners, const BitGrid& mask, int axes, int64_t z) {
  const int64_t first_plane = axes == 3 ? z - 1 : z;
  for (int64_t y = 0; y < corners.size()[1]; ++y) {
    for (int64_t w = 0; w < corners.words(); ++w) {
      uint64_t any = 0, all = ~uint64_t{0};
      for (int64_t plane = first_plane; plane <= z; ++plane) {
        for (int64_t row = y - 1; row <= y; ++row) {
          const uint64_t* voxels = mask.row(plane, row);
          const uint64_t before = voxels[w] << 1 | voxels[w - 1] >> 63;
          any |= voxels[w] | before;
          all &= voxels[w] & before;
        }
      }
      corners.row(z, y)[w] = any & ~all;
    }
  }
}

int corner_code(const BitGrid& mask, int axes, const Index3& corner) {
  const auto& [z, y, x] = corner;
  int code = 0;
  for (int64_t plane = axes == 3 ? z - 1 : z; plane <= z; ++plane) {
    for (int64_t row = y - 1; row <= y; ++row) {
      for (int64_t column = x - 1; column <= x; ++column) {
        code = code << 1 | static_cast<int>(mask.at(plane, row, column));
      }
    }
  }
  return code;
}

}  // namespace semiseg
