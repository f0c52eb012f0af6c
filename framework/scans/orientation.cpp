// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/orientation.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace semiseg {
namespace {

double cosine(const ScanGeometry& grid, int axis, int row) {
  return grid.affine[4 * row + axis] / grid.spacing_mm[axis];
}

// For each of S, A, R (rows 2, 1, 0) the axis that runs along it: of the six pairings the one with
// the largest product of cosines, so that no axis serves twice however oblique they are.
std::array<int, 3> pairing(const ScanGeometry& grid) {
  std::array<int, 3> order = {0, 1, 2}, best = order;
  double largest = -1;
  do {
    double product = 1;
    for (int k = 0; k < 3; ++k) product *= std::abs(cosine(grid, order[k], 2 - k));
    if (product > largest + 1e-9) {
      largest = product;
      best = order;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

std::vector<int64_t> flipped_dims(const at::Tensor& values, const Orientation& orientation) {
  std::vector<int64_t> dims;
  for (int k = 0; k < 3; ++k) {
    if (orientation.flip[k]) dims.push_back(values.dim() - 3 + k);
  }
  return dims;
}

// Leading axes stay; the last three are taken in this order.
at::Tensor permute_last(const at::Tensor& values, const std::array<int, 3>& axes) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < values.dim() - 3; ++i) order.push_back(i);
  for (const int axis : axes) order.push_back(values.dim() - 3 + axis);
  return values.permute(order);
}

}  // namespace

std::string orientation_letters(const ScanGeometry& grid) {
  const std::array<int, 3> axis_of = pairing(grid);
  std::string letters = "???";
  for (int k = 0; k < 3; ++k) {
    letters[axis_of[k]] = (cosine(grid, axis_of[k], 2 - k) < 0 ? "IPL" : "SAR")[k];
  }
  return letters;
}

Orientation to_canonical(const ScanGeometry& grid) {
  Orientation orientation{.axis = pairing(grid)};
  for (int k = 0; k < 3; ++k) {
    orientation.flip[k] = cosine(grid, orientation.axis[k], 2 - k) < 0;
  }
  return orientation;
}

ScanGeometry reorient(const ScanGeometry& grid, const Orientation& orientation) {
  ScanGeometry result = grid;
  for (int k = 0; k < 3; ++k) {
    const int old = orientation.axis[k];
    result.size[k] = grid.size[old];
    result.spacing_mm[k] = grid.spacing_mm[old];
    for (int row = 0; row < 3; ++row) {
      const double step = grid.affine[4 * row + old];
      result.affine[4 * row + k] = orientation.flip[k] ? -step : step;
      if (orientation.flip[k]) {
        result.affine[4 * row + 3] += step * static_cast<double>(grid.size[old] - 1);
      }
    }
  }
  return result;
}

at::Tensor reorient(const at::Tensor& values, const Orientation& orientation) {
  const at::Tensor turned = permute_last(values, orientation.axis);
  return turned.flip(flipped_dims(turned, orientation)).contiguous();
}

at::Tensor undo_reorient(const at::Tensor& values, const Orientation& orientation) {
  std::array<int, 3> inverse;
  for (int k = 0; k < 3; ++k) inverse[orientation.axis[k]] = k;
  return permute_last(values.flip(flipped_dims(values, orientation)), inverse).contiguous();
}

}  // namespace semiseg
