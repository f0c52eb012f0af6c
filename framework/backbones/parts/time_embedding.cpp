// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/time_embedding.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <vector>

namespace semiseg {

TimeLinear::TimeLinear(const Module& module, int64_t in, int64_t out) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight_ = module.uniform_parameter("weight", {out, in}, bound);
  bias_ = module.uniform_parameter("bias", {out}, bound);
}

at::Tensor TimeLinear::operator()(const at::Tensor& x) const {
  return at::linear(x, weight_, bias_);
}

TimeEmbedding::TimeEmbedding(const Module& module)
    : first_(module.child("dense.0"), kSinusoids, kWidth),
      second_(module.child("dense.1"), kWidth, kWidth) {}

at::Tensor TimeEmbedding::sinusoids(const at::Tensor& time, at::Device device) {
  constexpr int64_t kHalf = kSinusoids / 2;
  const at::Tensor rank = at::arange(kHalf, at::TensorOptions(device).dtype(at::kDouble));
  const at::Tensor frequency = (rank * (-std::log(10000.0) / (kHalf - 1))).exp();
  const at::Tensor angle = time.to(device, at::kDouble).unsqueeze(1) * frequency;
  return at::cat({angle.sin(), angle.cos()}, 1);
}

at::Tensor TimeEmbedding::operator()(const at::Tensor& time,
                                     const at::TensorOptions& options) const {
  const at::Tensor waves = sinusoids(time, options.device()).to(options);
  return second_(at::silu(first_(waves)));
}

TimeFusion::TimeFusion(const Module& module, int64_t channels)
    : projection_(module.child("temb_proj"), TimeEmbedding::kWidth, channels) {}

at::Tensor TimeFusion::operator()(const at::Tensor& h, const at::Tensor& temb) const {
  if (!temb.defined()) return h;
  std::vector<int64_t> shape(static_cast<size_t>(h.dim()), 1);
  shape[0] = h.size(0);
  shape[1] = h.size(1);
  return h + projection_(at::silu(temb)).view(shape).to(h.scalar_type());
}

}  // namespace semiseg
