// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses_copy_paste.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/nn/losses/losses.h"

namespace semiseg {

MixLoss bcp_mix(const at::Tensor& logits, const MixPart& image, const MixPart& patch,
                const at::Tensor& mask, MaskedDice dice, const Communicator& comm) {
  const at::Tensor p = logits.softmax(1);
  const auto loss = [&](const MixPart& part, const at::Tensor& region) {
    const at::Tensor where = region.expand_as(part.label);
    const at::Tensor ce = part.cross_entropy ? part.cross_entropy(logits, part.label, where)
                                             : cross_entropy(logits, part.label, where, comm);
    return MixLoss{part.weight * dice(p, part.label, where, comm), part.weight * ce};
  };
  const MixLoss outer = loss(image, mask), inner = loss(patch, 1 - mask);
  return {outer.dice + inner.dice, outer.cross_entropy + inner.cross_entropy};
}

}  // namespace semiseg
