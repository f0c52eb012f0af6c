// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/copy_paste_mask.h"

#include <ATen/Functions.h>

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

}  // namespace semiseg
