// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/mixing/cubes.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/core/error.h"

namespace semiseg {

void check_cubes(const std::vector<int64_t>& patch_size, int64_t side) {
  const bool fits =
      patch_size.size() == 3 && std::all_of(patch_size.begin(), patch_size.end(),
                                            [side](int64_t axis) { return axis % side == 0; });
  if (fits) return;
  throw Error(ErrorKind::kConfig,
              {.what = "the cubes do not fill the patch",
               .where = "method.cube_size",
               .expected = "a divisor of the three sides of protocol.patch_size",
               .got = fmt::format("{} for [{}]", side, fmt::join(patch_size, ", "))});
}

CubeGrid::CubeGrid(at::IntArrayRef size, int64_t side)
    : side_(side), shape_{size[0] / side, size[1] / side, size[2] / side} {}

std::array<int64_t, 3> CubeGrid::place(int64_t number) const {
  return {number / (shape_[1] * shape_[2]), number / shape_[2] % shape_[1], number % shape_[2]};
}

at::Tensor CubeGrid::cube(const at::Tensor& volume, int64_t number) const {
  at::Tensor cube = volume;
  const auto at = place(number);
  for (int64_t axis = 0; axis < 3; ++axis)
    cube = cube.narrow(2 + axis, at[static_cast<size_t>(axis)] * side_, side_);
  return cube;
}

at::Tensor CubeGrid::exchanged(const at::Tensor& volumes, const at::Tensor& order) const {
  std::vector<at::Tensor> cubes;
  for (int64_t i = 0; i < count(); ++i) {
    const at::Tensor from = order.select(1, i).contiguous().to(volumes.device());
    cubes.push_back(cube(volumes, i).index_select(0, from));
  }
  return assembled(cubes, at::arange(count(), at::kLong));
}

at::Tensor CubeGrid::cubes(const at::Tensor& volume) const {
  std::vector<at::Tensor> all;
  for (int64_t i = 0; i < count(); ++i) all.push_back(cube(volume, i));
  return at::cat(all);
}

at::Tensor CubeGrid::joined(const at::Tensor& cubes, bool mirrored) const {
  const at::Tensor straight = at::arange(count(), at::kLong);
  return assembled(cubes.chunk(count()), mirrored ? numbers_from_first_axis() : straight);
}

at::Tensor CubeGrid::numbers_from_first_axis() const {
  const auto [a, b, c] = shape_;
  return at::arange(a * b * c, at::kLong).view({c, b, a}).permute({2, 1, 0}).flatten();
}

// Volumes whose cube at place i is cubes[which[i]].
at::Tensor CubeGrid::assembled(const std::vector<at::Tensor>& cubes,
                               const at::Tensor& which) const {
  int64_t place = 0;
  std::vector<at::Tensor> slabs;
  for (int64_t x = 0; x < shape_[0]; ++x) {
    std::vector<at::Tensor> rows;
    for (int64_t y = 0; y < shape_[1]; ++y) {
      std::vector<at::Tensor> row;
      for (int64_t z = 0; z < shape_[2]; ++z)
        row.push_back(cubes[static_cast<size_t>(which[place++].item<int64_t>())]);
      rows.push_back(at::cat(row, 4));
    }
    slabs.push_back(at::cat(rows, 3));
  }
  return at::cat(slabs, 2);
}

}  // namespace semiseg
