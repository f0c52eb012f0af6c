// SPDX-License-Identifier: Apache-2.0
// Computes the map that shape-aware methods regress: the signed distance of each pixel from the
// border of the foreground. HiLab-git/DTC utils/util.py and kleinzcy/SASSNet, compute_sdf.
#pragma once

#include <ATen/core/Tensor.h>

namespace semiseg {

// label [N,H,W] or [N,D,H,W], any dtype, foreground where it is not 0 → float64 of that shape, on
// the CPU. With exact Euclidean distances in pixels, o to the foreground and i to the background,
// each brought to [0, 1] by its least and largest value in the sample: o - i, so -1 … 1 and
// negative inside; 0 on foreground pixels with a face at a background pixel. A sample of one class
// alone is 0 throughout.
at::Tensor signed_distance(const at::Tensor& label);

}  // namespace semiseg
