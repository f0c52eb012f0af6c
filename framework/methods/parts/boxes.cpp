// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/boxes.h"

#include <ATen/Functions.h>

#include <cmath>

namespace semiseg {

int64_t box_side(double fraction, int64_t image_side) {
  return static_cast<int64_t>(fraction * static_cast<double>(image_side));
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
