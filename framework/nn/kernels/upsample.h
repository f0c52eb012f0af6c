// SPDX-License-Identifier: Apache-2.0
// Upsampling whose backward sums in a fixed order on every device.
#pragma once

#include <ATen/core/Tensor.h>

namespace semiseg {

// Bilinear, corners aligned: [N,C,h,w] → [N,C,H,W]; size = {H, W}, h and w at least 1. On a GPU as
// two products with interpolation matrices, because ATen's backward adds with atomics there.
at::Tensor upsample_bilinear(const at::Tensor& x, at::IntArrayRef size);

}  // namespace semiseg
