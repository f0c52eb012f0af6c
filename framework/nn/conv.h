// SPDX-License-Identifier: Apache-2.0
// Convolutions of images and volumes, plain and transposed. They compute in the image's dtype, and
// their output has the memory format that is fastest on the device.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "framework/nn/module.h"

namespace semiseg {

struct ConvOptions {
  int64_t in = 0, out = 0;      // channels
  std::vector<int64_t> kernel;  // one size for each spatial axis: two for 2-D, three for 3-D
  int64_t stride = 1, padding = 0;
  bool bias = true;
  bool transposed = false;
  int64_t dilation = 1;                    // of plain convolutions
  std::vector<int64_t> strides, paddings;  // one for each axis; empty: `stride`, `padding`
  std::optional<double> he_slope;          // initial weights by He et al. for this slope
  bool zero_bias = false;                  // initial bias 0
};

// Convolution [N,in,S] → [N,out,S']. Weight and bias are initialised from U(±1/√fan_in), PyTorch's
// default, or the weight from N(0, 2 / ((1 + slope²) fan_in)); fan_in = numel / size of axis 0, for
// transposed ones too.
class Conv {
 public:
  Conv(const Module& module, const ConvOptions& options);
  at::Tensor operator()(const at::Tensor& x) const;
  // Returns the output of this size of a transposed convolution, whose stride leaves several sizes
  // open.
  at::Tensor to_size(const at::Tensor& x, at::IntArrayRef size) const;
  // Returns activation(scale · conv(x) + shift), both [out], by scaled weights. slope is that of
  // the activation for negative values, 1 for none. On the CPU without autograd, oneDNN fuses the
  // activation and saves a pass over the output.
  at::Tensor scaled(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                    double slope) const;
  const at::Tensor& weight() const { return weight_; }  // [out,in,k…]; transposed [in,out,k…]
  const at::Tensor& bias() const { return bias_; }      // [out] or undefined

 private:
  at::Tensor apply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   double slope) const;
  at::Tensor convolve_and_activate(const at::Tensor& x, const at::Tensor& kernel,
                                   const std::optional<at::Tensor>& shift, double slope) const;

  std::vector<int64_t> stride_, padding_, dilation_, output_padding_;
  bool transposed_;
  at::Tensor weight_, bias_;
};

}  // namespace semiseg
