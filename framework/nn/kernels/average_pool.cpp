// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/average_pool.h"

#include <ATen/Functions.h>

namespace semiseg {

at::Tensor average_pool(const at::Tensor& image, at::IntArrayRef sides) {
  if (sides.size() == 2) return at::avg_pool2d(image, sides, sides);
  // LibTorch has no pooling of bfloat16 volumes on the CPU.
  const bool is_small = image.element_size() == 2 && image.is_cpu();
  const at::Tensor x = is_small ? image.to(at::kFloat) : image;
  return at::avg_pool3d(x, sides, sides).to(image.scalar_type());
}

}  // namespace semiseg
