// SPDX-License-Identifier: Apache-2.0
// The time of a diffusion as an input of a network: an embedding, and its addition to feature maps.
// xmed-lab/GenericSSL, after Ho et al., NeurIPS 2020.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/nn/module.h"

namespace semiseg {

// weight xᵀ + bias; both from U(±1/√in), PyTorch's default.
class TimeLinear {
 public:
  TimeLinear(const Module& module, int64_t in, int64_t out);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_, bias_;
};

// temb(t) = Linear(SiLU(Linear([sin ωt, cos ωt]))), ω_i = 10000^(−i/63), i = 0 … 63.
class TimeEmbedding {
 public:
  static constexpr int64_t kSinusoids = 128, kWidth = 512;

  explicit TimeEmbedding(const Module& module);
  // time [N] int64 → [N,512] in dtype and device of `options`, which are those of the parameters.
  at::Tensor operator()(const at::Tensor& time, const at::TensorOptions& options) const;
  // [N,128] float64: sines, then cosines.
  static at::Tensor sinusoids(const at::Tensor& time, at::Device device);

 private:
  TimeLinear first_, second_;
};

// T: h + Linear(SiLU(temb)) for each channel.
class TimeFusion {
 public:
  TimeFusion(const Module& module, int64_t channels);
  // h [N,C,S]; h itself where temb is undefined.
  at::Tensor operator()(const at::Tensor& h, const at::Tensor& temb) const;

 private:
  TimeLinear projection_;
};

}  // namespace semiseg
