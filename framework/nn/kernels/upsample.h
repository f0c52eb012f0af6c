// SPDX-License-Identifier: Apache-2.0
// Upsampling whose backward sums in a fixed order on every device: on a GPU as products with
// interpolation matrices, because ATen's backward adds with atomics there.
#pragma once

#include <ATen/core/Tensor.h>

namespace semiseg {

// Bilinear, corners aligned: [N,C,h,w] → [N,C,H,W]; size = {H, W}, h and w at least 1.
at::Tensor upsample_bilinear(const at::Tensor& x, at::IntArrayRef size);

// Bicubic, corners aligned: [N,C,h,w] → [N,C,H,W].
at::Tensor upsample_bicubic(const at::Tensor& x, at::IntArrayRef size);

// Trilinear: [N,C,d,h,w] → [N,C,D,H,W].
at::Tensor upsample_trilinear(const at::Tensor& x, at::IntArrayRef size, bool align_corners);

// The nearest value, index floor(i · in / out): [N,C,S] → [N,C,size], two or three axes.
at::Tensor upsample_nearest(const at::Tensor& x, at::IntArrayRef size);

}  // namespace semiseg
