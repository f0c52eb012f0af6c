// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/network_predictor.h"

#include <ATen/core/grad_mode.h>

namespace semiseg {

at::Tensor NetworkPredictor::predict(const at::Tensor& image) {
  const at::NoGradGuard no_grad;
  return network_.forward(image, Pass{}).logits;
}

}  // namespace semiseg
