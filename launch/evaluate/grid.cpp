// SPDX-License-Identifier: Apache-2.0
#include "launch/evaluate/grid.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <cmath>

namespace semiseg {
namespace {

// Row by row, the last row (0 0 0 1) left out.
using Affine = std::array<std::array<double, 4>, 3>;

Affine affine_of(const ScanGeometry& geometry) {
  Affine affine;
  for (size_t row = 0; row < 3; ++row) {
    for (size_t column = 0; column < 4; ++column) {
      affine[row][column] = geometry.affine[4 * row + column];
    }
  }
  return affine;
}

// By the adjugate; affines of scans are not singular (make_geometry refuses those).
Affine inverse(const Affine& a) {
  Affine result;
  const auto minor = [&a](size_t row, size_t column) {
    const size_t r0 = (row + 1) % 3, r1 = (row + 2) % 3;
    const size_t c0 = (column + 1) % 3, c1 = (column + 2) % 3;
    return a[r0][c0] * a[r1][c1] - a[r0][c1] * a[r1][c0];
  };
  const double determinant = a[0][0] * minor(0, 0) + a[0][1] * minor(0, 1) + a[0][2] * minor(0, 2);
  for (size_t row = 0; row < 3; ++row) {
    for (size_t column = 0; column < 3; ++column) {
      result[row][column] = minor(column, row) / determinant;
    }
  }
  for (size_t row = 0; row < 3; ++row) {
    result[row][3] =
        -(result[row][0] * a[0][3] + result[row][1] * a[1][3] + result[row][2] * a[2][3]);
  }
  return result;
}

// First `inner`, then `outer`.
Affine product(const Affine& outer, const Affine& inner) {
  Affine result;
  for (size_t row = 0; row < 3; ++row) {
    for (size_t column = 0; column < 4; ++column) {
      double sum = column == 3 ? outer[row][3] : 0;
      for (size_t k = 0; k < 3; ++k) sum += outer[row][k] * inner[k][column];
      result[row][column] = sum;
    }
  }
  return result;
}

}  // namespace

LabelMap on_grid(const LabelMap& map, const ScanGeometry& grid) {
  const Affine to_map = product(inverse(affine_of(map.geometry)), affine_of(grid));
  const auto& [depth, height, width] = grid.size;
  const std::array<int64_t, 3> from_size = map.geometry.size;
  const at::Tensor from = map.label.contiguous(), to = at::zeros({depth, height, width}, at::kByte);
  const uint8_t* source = from.const_data_ptr<uint8_t>();
  uint8_t* target = to.mutable_data_ptr<uint8_t>();
  at::parallel_for(0, depth, 1, [&, height = height, width = width](int64_t begin, int64_t end) {
    for (int64_t z = begin; z < end; ++z) {
      for (int64_t i = 0; i < height * width; ++i) {
        const std::array<double, 4> at = {static_cast<double>(z), static_cast<double>(i / width),
                                          static_cast<double>(i % width), 1};
        int64_t flat = 0;
        bool inside = true;
        for (size_t axis = 0; axis < 3; ++axis) {
          double place = 0;
          for (size_t k = 0; k < 4; ++k) place += to_map[axis][k] * at[k];
          const auto index = static_cast<int64_t>(std::floor(place + 0.5));
          inside = inside && index >= 0 && index < from_size[axis];
          flat = flat * from_size[axis] + index;
        }
        if (inside) target[z * height * width + i] = source[flat];
      }
    }
  });
  return {to, grid};
}

}  // namespace semiseg
