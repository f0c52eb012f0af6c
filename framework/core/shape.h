// SPDX-License-Identifier: Apache-2.0
// The sizes that a file gives for a tensor, before one is made of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace semiseg {

// True when no size is negative, there are at most 64 axes, and the product of all sizes above 0 is
// below 2^60: then neither numbers of elements, nor strides, nor bytes overflow, also where one
// size is 0. A shape that passes may still be larger than the file.
inline bool is_sound_shape(const std::vector<int64_t>& sizes) {
  double elements = 1;
  for (const int64_t size : sizes) {
    if (size < 0) return false;
    elements *= static_cast<double>(std::max<int64_t>(size, 1));
  }
  constexpr size_t kMostAxes = 64;
  constexpr double kMostElements = 0x1p60;
  return sizes.size() <= kMostAxes && elements < kMostElements;
}

}  // namespace semiseg
