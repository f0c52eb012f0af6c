// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/offset_cross_entropy.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/core/ignore_label.h"

namespace semiseg {

at::Tensor cross_entropy_sums_composed(const at::Tensor& logits, const at::Tensor& label,
                                       const at::Tensor& table, const at::Tensor& mask) {
  const at::Tensor y = label.unsqueeze(-1).flatten(1);
  at::Tensor weight = (y != kIgnoreLabel).to(at::kDouble);
  if (mask.defined()) weight = weight * mask.unsqueeze(-1).flatten(1);
  const at::Tensor counts = weight != 0, safe = at::where(counts, y, 0);
  at::Tensor z = at::where(counts.unsqueeze(1), logits.unsqueeze(-1).flatten(2), 0.0);
  if (table.defined()) {
    // A product with one-hot labels: the backward of an index would add with atomics.
    const at::Tensor is_class = at::one_hot(safe, logits.size(1)).to(z.scalar_type());
    z = z + at::matmul(is_class, table.to(z.scalar_type())).transpose(1, 2);
  }
  const at::Tensor loss =
      -at::log_softmax(z, 1).gather(1, safe.unsqueeze(1)).squeeze(1).to(at::kDouble);
  return at::stack({(loss * weight).sum(), weight.sum()});
}

}  // namespace semiseg
