// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/token_layers.h"

#include <ATen/Functions.h>

#include <cmath>
#include <optional>

namespace semiseg {
namespace {

constexpr double kDeviation = 0.02;

at::Tensor initial_weight(const Module& module, int64_t in, int64_t out, LinearInit init) {
  if (init == LinearInit::kTruncatedNormal)
    return module.normal_parameter("weight", {out, in}, kDeviation);
  return module.uniform_parameter("weight", {out, in},
                                  std::sqrt(6.0 / static_cast<double>(in + out)));
}

}  // namespace

Linear::Linear(const Module& module, int64_t in, int64_t out, bool bias, LinearInit init)
    : weight_(initial_weight(module, in, out, init)) {
  if (bias) bias_ = module.constant_parameter("bias", {out}, 0);
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  const auto bias = bias_.defined() ? std::optional(bias_.to(x.scalar_type())) : std::nullopt;
  return at::linear(x, weight_.to(x.scalar_type()), bias);
}

LayerNorm::LayerNorm(const Module& module, int64_t features, double epsilon)
    : epsilon_(epsilon),
      weight_(module.constant_parameter("weight", {features}, 1)),
      bias_(module.constant_parameter("bias", {features}, 0)) {}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, {x.size(-1)}, weight_.to(x.scalar_type()), bias_.to(x.scalar_type()),
                        epsilon_);
}

}  // namespace semiseg
