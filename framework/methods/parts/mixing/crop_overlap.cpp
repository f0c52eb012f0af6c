// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/mixing/crop_overlap.h"

#include <ATen/Functions.h>

#include <algorithm>

namespace semiseg {
namespace {

CropOverlap overlap_of(const Placement& first, const Placement& second, at::IntArrayRef size) {
  CropOverlap overlap;
  const bool is_turned = !(first.geometry == second.geometry);
  for (size_t axis = 0; axis < size.size(); ++axis) {
    const int64_t a = first.crop.offset[axis] - first.crop.padding[axis],
                  b = second.crop.offset[axis] - second.crop.padding[axis], shift = a - b;
    overlap.first.push_back(std::max<int64_t>(0, -shift));
    overlap.second.push_back(std::max<int64_t>(0, shift));
    overlap.length.push_back(
        is_turned ? 0 : std::max<int64_t>(0, size[axis] - std::max(shift, -shift)));
  }
  return overlap;
}

at::Tensor part(at::Tensor map, const std::vector<int64_t>& begin,
                const std::vector<int64_t>& length) {
  for (size_t axis = 0; axis < begin.size(); ++axis)
    map = map.narrow(2 + static_cast<int64_t>(axis), begin[axis], length[axis]);
  return map;
}

}  // namespace

bool CropOverlap::is_empty() const {
  return std::any_of(length.begin(), length.end(), [](int64_t side) { return side == 0; });
}

at::Tensor CropOverlap::in_first(const at::Tensor& map) const { return part(map, first, length); }

at::Tensor CropOverlap::in_second(const at::Tensor& map) const { return part(map, second, length); }

std::vector<CropOverlap> overlaps_of(const Batch& batch, at::IntArrayRef size) {
  std::vector<CropOverlap> overlaps;
  for (const Stream& stream : batch.streams) {
    const auto &weak = stream.placements(), &second = stream.placements("second_crop");
    const bool knows = !weak.empty() && !second.empty();
    for (size_t i = 0; i < stream.samples.size(); ++i)
      overlaps.push_back(knows ? overlap_of(weak[i], second[i], size) : overlap_of({}, {}, size));
  }
  return overlaps;
}

}  // namespace semiseg
