// SPDX-License-Identifier: Apache-2.0
// Label maps made of boxes.
#pragma once

#include <ATen/Functions.h>

namespace semiseg {

// A box of this label in an empty map; ends are exclusive.
inline at::Tensor box(at::IntArrayRef shape, at::IntArrayRef begin, at::IntArrayRef end,
                      int label = 1) {
  const at::Tensor map = at::zeros(shape, at::kByte);
  at::Tensor inside = map;
  for (int64_t axis = 0; axis < map.dim(); ++axis) {
    const auto i = static_cast<size_t>(axis);
    inside = inside.slice(axis, begin[i], end[i]);
  }
  inside.fill_(label);
  return map;
}

}  // namespace semiseg
