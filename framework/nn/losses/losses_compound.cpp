// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses_compound.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <vector>

#include "framework/core/ignore_label.h"
#include "framework/nn/losses/class_sums.h"
#include "framework/nn/losses/losses.h"

namespace semiseg {
namespace {

// Sums [3,K] or [N,3,K] without those of the background.
at::Tensor of_foreground(const at::Tensor& sums) { return sums.slice(-1, 1); }

}  // namespace

at::Tensor dc_and_ce(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& weight,
                     const Communicator& comm) {
  const at::Tensor w =
      weight.defined() ? weight.to(logits.options()) : at::ones({logits.size(1)}, logits.options());
  const at::Tensor counts = label != kIgnoreLabel;
  const at::Tensor each = w.take(label.to(at::kLong) * counts);
  const at::Tensor ce = cross_entropy(logits, label, each, comm);
  const at::Tensor p = logits.softmax(1);
  const at::Tensor sums = of_foreground(comm.sum(class_sums(p, label, /*mask=*/{}, /*power=*/1)));
  const at::Tensor ratio = (2 * sums[0] + 1) / (sums[1] + sums[2] + 1 + 1e-8);
  return ce - (w.slice(0, 1) * ratio).mean().to(ce.scalar_type());
}

at::Tensor nnunet_dc_ce(const at::Tensor& logits, const at::Tensor& label, const NnunetDice& dice,
                        const Communicator& comm) {
  constexpr double kSmooth = 1e-5;
  const at::Tensor ce = cross_entropy(logits, label, comm), p = logits.softmax(1);
  const auto ratio = [](const std::vector<at::Tensor>& sums) {
    return (2 * sums[0] + kSmooth) / (sums[1] + sums[2] + kSmooth).clamp_min(1e-8);
  };
  const auto of_classes = [&](const at::Tensor& sums) {
    return dice.background ? sums : of_foreground(sums);
  };
  if (dice.batch) {
    const at::Tensor sums = of_classes(comm.sum(class_sums(p, label, /*mask=*/{}, /*power=*/1)));
    return ce - ratio(sums.unbind()).mean().to(ce.scalar_type());
  }
  const at::Tensor sums = of_classes(class_sums_of_samples(p, label, /*mask=*/{}, 1));
  const double count = static_cast<double>(sums.size(0) * sums.size(2));
  return ce - global_mean(ratio(sums.unbind(1)).sum(), count, comm).to(ce.scalar_type());
}

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
