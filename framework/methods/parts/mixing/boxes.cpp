// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/mixing/boxes.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <numeric>

namespace semiseg {

int64_t box_side(double fraction, int64_t image_side) {
  return static_cast<int64_t>(fraction * static_cast<double>(image_side));
}

// A draw below the least common multiple of the ranges of all axes is even in each of them.
at::Tensor draw_box_offsets(std::string_view name, at::IntArrayRef size, double fraction,
                            at::IntArrayRef samples, const Draws& draws) {
  std::vector<int64_t> high, shape = samples.vec();
  int64_t multiple = 1;
  for (const int64_t side : size) {
    high.push_back(side - box_side(fraction, side));
    multiple = std::lcm(multiple, high.back());
  }
  shape.push_back(std::ssize(high));
  return draws.integers(name, shape, 0, multiple).remainder(at::tensor(high, at::kLong));
}

std::vector<std::vector<int64_t>> mixing_groups(int64_t labelled, int64_t unlabelled) {
  std::vector<std::vector<int64_t>> groups;
  for (int64_t i = 0; i < labelled / 2; ++i) {
    groups.push_back({i, labelled / 2 + i});
    if (unlabelled > 0)
      groups.back().insert(groups.back().end(), {labelled + i, labelled + unlabelled / 2 + i});
  }
  return groups;
}

at::Tensor copy_paste_mask(at::IntArrayRef size, double fraction, const at::Tensor& offset) {
  at::Tensor mask = at::ones(size, at::kLong);
  at::Tensor box = mask;
  for (int64_t axis = 0; axis < mask.dim(); ++axis) {
    const int64_t start = offset[axis].item<int64_t>();
    box = box.slice(axis, start, start + box_side(fraction, mask.size(axis)));
  }
  box.zero_();
  return mask;
}

CutmixBox draw_cutmix_box(int64_t side, const CutmixOptions& options, const BoxNumbers& numbers) {
  if (numbers.uniform(0, 1) > options.probability) return {};
  const auto length = static_cast<double>(side);
  const double area = numbers.uniform(options.area_min, options.area_max) * length * length;
  while (true) {
    const double ratio = numbers.uniform(options.ratio_min, options.ratio_max);
    CutmixBox box{.height = static_cast<int64_t>(std::sqrt(area * ratio)),
                  .width = static_cast<int64_t>(std::sqrt(area / ratio))};
    box.x = numbers.integer(side);
    box.y = numbers.integer(side);
    if (box.x + box.width <= side && box.y + box.height <= side) return box;
  }
}

}  // namespace semiseg
