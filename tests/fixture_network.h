// SPDX-License-Identifier: Apache-2.0
// The network of the parity cases of kind `inference`: one 3^n convolution, times 4.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/eval/image_predictor.h"
#include "tests/parity.h"

namespace semiseg {

// One input channel; `axes`: 2 or 3.
inline ImagePredictor fixture_network(const ParityCase& parity, int64_t logits, int64_t axes) {
  std::vector<int64_t> shape(static_cast<size_t>(axes) + 2, 3);
  shape[0] = logits;
  shape[1] = 1;
  const NamedTensor weight{"conv.weight", at::zeros(shape)}, bias{"conv.bias", at::zeros({logits})};
  fill_parameters({weight, bias}, parity.options["seed"], "student");
  return [=](const at::Tensor& image) {
    if (axes == 2) return 4 * at::conv2d(image, weight.value, bias.value, {1, 1}, {1, 1});
    return 4 * at::conv3d(image, weight.value, bias.value, {1, 1, 1}, {1, 1, 1});
  };
}

}  // namespace semiseg
