// SPDX-License-Identifier: Apache-2.0
#include "framework/backbones/parts/row_mlp.h"

#include <ATen/Functions.h>

#include <cmath>

namespace semiseg {
namespace {

double bound(int64_t inputs) { return 1 / std::sqrt(static_cast<double>(inputs)); }

at::Tensor linear(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(rows, weight.to(rows.scalar_type()), bias.to(rows.scalar_type()));
}

}  // namespace

RowMlp::RowMlp(const Module& module, const RowMlpSize& size, double slope)
    : slope_(slope),
      weight0_(
          module.child("0").uniform_parameter("weight", {size.hidden, size.in}, bound(size.in))),
      bias0_(module.child("0").uniform_parameter("bias", {size.hidden}, bound(size.in))),
      norm_(module.child("1"), size.hidden),
      weight1_(module.child("3").uniform_parameter("weight", {size.out, size.hidden},
                                                   bound(size.hidden))),
      bias1_(module.child("3").uniform_parameter("bias", {size.out}, bound(size.hidden))) {}

at::Tensor RowMlp::operator()(const at::Tensor& rows, const Pass& pass) const {
  // The norm takes images, and sums each by itself: all rows are the pixels of one, [1,C,M,1].
  const at::Tensor hidden = linear(rows, weight0_, bias0_);
  const at::Tensor image = hidden.unsqueeze(0).unsqueeze(2).permute({0, 3, 1, 2});
  const at::Tensor y = norm_(image, pass, slope_).permute({0, 2, 3, 1}).reshape(hidden.sizes());
  return linear(y, weight1_, bias1_);
}

}  // namespace semiseg
