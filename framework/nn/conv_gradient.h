// SPDX-License-Identifier: Apache-2.0
// oneDNN's convolution with more exact gradients of kernel and bias in float32. oneDNN adds them
// pixel by pixel, so that their error grows with the batch; here a few samples are added at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace semiseg {

// x [N,C,S], kernel [O,C,k…], bias [O] of one dtype on the CPU → [N,O,S'].
at::Tensor onednn_convolution(const at::Tensor& x, const at::Tensor& kernel,
                              const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                              at::IntArrayRef padding);

}  // namespace semiseg
