// SPDX-License-Identifier: Apache-2.0
// Two linear layers on rows with a batch norm and an activation between them: projection,
// prediction and selection heads.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/nn/layers.h"

namespace semiseg {

struct RowMlpSize {
  int64_t in = 0, hidden = 0, out = 0;
};

// Linear "0" → batch norm "1" → LeakyReLU of `slope` → linear "3". Collective in training mode; all
// rows of all ranks are one batch.
class RowMlp {
 public:
  RowMlp(const Module& module, const RowMlpSize& size, double slope);
  at::Tensor operator()(const at::Tensor& rows, const Pass& pass) const;  // [M,in] → [M,out]

 private:
  double slope_;
  at::Tensor weight0_, bias0_;
  BatchNorm norm_;
  at::Tensor weight1_, bias1_;
};

}  // namespace semiseg
