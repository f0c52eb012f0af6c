// SPDX-License-Identifier: Apache-2.0
// Volumes as a grid of cubes: DeepMed-Lab-ECNU/MagicNet. Cubes are numbered with the first axis
// outermost.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace semiseg {

// Throws kConfig unless cubes of this side fill the patch.
void check_cubes(const std::vector<int64_t>& patch_size, int64_t side);

class CubeGrid {
 public:
  CubeGrid(at::IntArrayRef size, int64_t side);

  int64_t count() const { return shape_[0] * shape_[1] * shape_[2]; }
  std::vector<int64_t> shape() const { return {shape_.begin(), shape_.end()}; }

  // [N,C,S] → [N,C,side,side,side].
  at::Tensor cube(const at::Tensor& volume, int64_t place) const;

  // Returns volumes [N,C,S] whose cube at each place is that of volume order[n, place]; order
  // [N,count].
  at::Tensor exchanged(const at::Tensor& volumes, const at::Tensor& order) const;

  // [N,C,S] of at most one volume → [N·count,C,side,side,side].
  at::Tensor cubes(const at::Tensor& volume) const;

  // Puts the cubes of one volume together, [count or 0,C,side…] → [1 or 0,C,S]. Mirrored: the cube of
  // place (z, y, x) comes to (x, y, z), as in the reference, whose grids have equal sides.
  at::Tensor joined(const at::Tensor& cubes, bool mirrored) const;

  // int64 [count]: the number of each place when the first axis runs fastest, in the order of the
  // places; the reference's labels of places.
  at::Tensor numbers_from_first_axis() const;

 private:
  std::array<int64_t, 3> place(int64_t number) const;
  at::Tensor assembled(const std::vector<at::Tensor>& cubes, const at::Tensor& which) const;

  int64_t side_;
  std::array<int64_t, 3> shape_;
};

}  // namespace semiseg
