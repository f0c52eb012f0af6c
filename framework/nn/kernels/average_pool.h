// SPDX-License-Identifier: Apache-2.0
// The mean over boxes of an image that do not overlap.
#pragma once

#include <ATen/core/Tensor.h>

namespace semiseg {

// [N,C,S] → [N,C,S / sides], the mean over boxes of these sides, one for each axis; what is left
// at the end of an axis is dropped. Two or three axes. The means of 16-bit types are float32's.
at::Tensor average_pool(const at::Tensor& image, at::IntArrayRef sides);

}  // namespace semiseg
