// SPDX-License-Identifier: Apache-2.0
// The check that a network makes of the size of its images.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace semiseg {

// Throws kConfig unless the image has so many axes, each a multiple of `divisor`. `example` is a
// patch size that fits: "[256, 256]".
void check_sides(at::IntArrayRef size, int64_t axes, int64_t divisor, const char* network,
                 const char* example);

}  // namespace semiseg
