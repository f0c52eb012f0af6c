// SPDX-License-Identifier: Apache-2.0
// oneDNN's convolution with more exact gradients of kernel and bias in float32. oneDNN adds them
// pixel by pixel, so that their error grows with the batch; here a few samples are added at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace semiseg {

// x [N,C,S] with N ≥ 1, kernel [O,C,k…], bias [O] or none, all float32 or all bfloat16 on the CPU →
// [N,O,S'] of that dtype; stride and padding in pixels, one for each spatial axis. Differentiable
// once.
at::Tensor onednn_convolution(const at::Tensor& x, const at::Tensor& kernel,
                              const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                              at::IntArrayRef padding);

}  // namespace semiseg
