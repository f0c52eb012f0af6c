// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/volume_map.h"

#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace {

void reverse(AxisMap& axis) {
  axis.first += axis.step * (axis.length - 1);
  axis.step = -axis.step;
}

}  // namespace

VolumeMap identity_map(const VolumeSize& size) {
  VolumeMap map{.input = size, .axes = {}};
  for (size_t axis = 0; axis < 3; ++axis)
    map.axes[axis] = {.axis = static_cast<int64_t>(axis), .length = size[axis]};
  return map;
}

VolumeMap turn_flip_map(const VolumeSize& size, int64_t axial_axis, int64_t turns,
                        int64_t flip_axis) {
  SEMISEG_CHECK(axial_axis >= 0 && axial_axis < 3 && turns >= 0 && turns < 4 &&
                    (flip_axis == 0 || flip_axis == 1),
                "axial axis 0 to 2, turns 0 to 3, flip axis 0 or 1");
  VolumeMap map = identity_map(size);
  AxisMap& first = map.axes[axial_axis == 0 ? 1 : 0];
  AxisMap& second = map.axes[axial_axis == 2 ? 1 : 2];
  for (int64_t turn = 0; turn < turns; ++turn) {
    std::swap(first, second);
    reverse(first);
  }
  reverse(flip_axis == 0 ? first : second);
  return map;
}

VolumeSize crop_padding(const VolumeSize& size, const VolumeSize& patch, int64_t margin) {
  VolumeSize padding = {};
  bool is_small = false;
  for (size_t axis = 0; axis < 3; ++axis) {
    const int64_t lacking = patch[axis] - size[axis];
    is_small = is_small || lacking >= 0;
    const int64_t half = (lacking - (lacking < 0 ? 1 : 0)) / 2;
    padding[axis] = std::max<int64_t>(half + margin, 0);
  }
  return is_small ? padding : VolumeSize{};
}

int64_t centre_offset(int64_t room) {
  const int64_t half = room / 2;
  return room % 2 == 1 && half % 2 == 1 ? half + 1 : half;
}

VolumeMap crop(VolumeMap map, const VolumeSize& padding, const VolumeSize& offset,
               const VolumeSize& patch) {
  for (size_t i = 0; i < 3; ++i) {
    SEMISEG_CHECK(offset[i] >= 0 && offset[i] + patch[i] <= map.axes[i].length + 2 * padding[i],
                  "the patch lies in the padded volume");
    map.axes[i].first += map.axes[i].step * (offset[i] - padding[i]);
    map.axes[i].length = patch[i];
  }
  return map;
}

std::array<int64_t, 2> inside(const VolumeMap& map, size_t axis) {
  const AxisMap& of = map.axes[axis];
  const int64_t side = map.input[static_cast<size_t>(of.axis)];
  // first + step p in [0, side) for p in [begin, end).
  const int64_t begin = of.step > 0 ? -of.first : of.first - side + 1;
  const int64_t end = of.step > 0 ? side - of.first : of.first + 1;
  return {std::clamp<int64_t>(begin, 0, of.length), std::clamp<int64_t>(end, 0, of.length)};
}

}  // namespace semiseg
