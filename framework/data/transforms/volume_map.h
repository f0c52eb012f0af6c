// SPDX-License-Identifier: Apache-2.0
// Geometry of a volume that moves whole voxels: turns and flips in the plane of a slice, padding
// with zeros and a crop. A map says for each axis of the output which voxels of the input it reads,
// so that a chain of them touches the volume once. Plain loops: they run in loader threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace semiseg {

using VolumeSize = std::array<int64_t, 3>;  // D, H, W

// Position p of this axis of the output reads index first + step p; outside the input it is 0.
struct AxisMap {
  int64_t axis = 0;    // axis of the input
  int64_t first = 0;   // may lie outside the input
  int64_t step = 1;    // 1 or -1
  int64_t length = 0;  // length of the output axis
};

struct VolumeMap {
  VolumeSize input;
  std::array<AxisMap, 3> axes;

  VolumeSize sizes() const { return {axes[0].length, axes[1].length, axes[2].length}; }
};

VolumeMap identity_map(const VolumeSize& size);

// Returns the map of `turns` quarter-turns in the plane of the two axes that are not axial
// (numpy.rot90, the first towards the second), then a flip along the first (0) or the second (1) of
// them. RandomRotFlip of UA-MT and SSL4MIS is this with axial axis 2.
VolumeMap turn_flip_map(const VolumeSize& size, int64_t axial_axis, int64_t turns,
                        int64_t flip_axis);

// Returns the zeros at each end of each axis before a crop, as in the references: none where every
// side is larger than the patch, else max(⌊(patch - side)/2⌋ + margin, 0) for every axis. The
// offset then has at least one value on each axis with a margin of 1 or more.
VolumeSize crop_padding(const VolumeSize& size, const VolumeSize& patch, int64_t margin);

// Returns the offset of a centre crop: half of the room, rounded half to even.
int64_t centre_offset(int64_t room);

// Returns `map` followed by padding by `padding` and a crop of size `patch` at `offset`.
VolumeMap crop(VolumeMap map, const VolumeSize& padding, const VolumeSize& offset,
               const VolumeSize& patch);

// Returns the positions [first, second) of an axis that lie in the input.
std::array<int64_t, 2> inside(const VolumeMap& map, size_t axis);

// Copies one volume: `in` is the input, `out` holds the map's sizes, both row-major.
template <class Value>
void gather(const VolumeMap& map, const Value* in, Value* out) {
  const VolumeSize strides = {map.input[1] * map.input[2], map.input[2], 1}, size = map.sizes();
  const auto rows = inside(map, 0), lines = inside(map, 1), run = inside(map, 2);
  const auto offset = [&](size_t axis, int64_t position) {
    const AxisMap& of = map.axes[axis];
    return (of.first + of.step * position) * strides[static_cast<size_t>(of.axis)];
  };
  const int64_t step = map.axes[2].step * strides[static_cast<size_t>(map.axes[2].axis)];
  for (int64_t i = 0; i < size[0]; ++i) {
    for (int64_t j = 0; j < size[1]; ++j, out += size[2]) {
      const bool is_inside = i >= rows[0] && i < rows[1] && j >= lines[0] && j < lines[1];
      if (!is_inside || run[0] >= run[1]) {
        std::fill_n(out, size[2], Value{});
        continue;
      }
      std::fill_n(out, run[0], Value{});
      const Value* from = in + offset(0, i) + offset(1, j) + offset(2, run[0]);
      for (int64_t k = run[0]; k < run[1]; ++k) out[k] = from[(k - run[0]) * step];
      std::fill(out + run[1], out + size[2], Value{});
    }
  }
}

}  // namespace semiseg
