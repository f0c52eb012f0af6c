// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses_correction.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/core/ignore_label.h"

namespace semiseg {
namespace {

at::Tensor ratio(const at::Tensor& above, const at::Tensor& below, const at::Tensor& like,
                 const Communicator& comm) {
  const at::Tensor sums =
      comm.sum(at::stack({above.to(at::kDouble).sum(), below.to(at::kDouble).sum()}));
  return (sums[0] / (sums[1] + 1e-16)).to(like.scalar_type());
}

// The label that counts at each pixel, and its weight.
struct Chosen {
  at::Tensor label, weight;
  at::Tensor counts;  // false where the pixel has no class; its label is 0 then
};

Chosen chosen(const DisputedLabels& l, const at::Tensor& like) {
  const at::Tensor is_image = l.mask.to(at::kBool).expand_as(l.image);
  const at::Tensor label = at::where(is_image, l.image, l.patch).to(at::kLong);
  const auto of = [&](double weight) { return at::full({}, weight, like.options()); };
  const at::Tensor counts = label != kIgnoreLabel;
  return {label * counts, at::where(is_image, of(l.image_weight), of(l.patch_weight)), counts};
}

}  // namespace

at::Tensor correct_disputed(const at::Tensor& logits, const DisputedLabels& labels,
                            const Communicator& comm) {
  const Chosen truth = chosen(labels, logits);
  const at::Tensor p = logits.softmax(1);
  const at::Tensor hot = at::zeros_like(p).scatter_(1, truth.label.unsqueeze(1), 1);
  const at::Tensor disputed = labels.discrepancy.to(logits.scalar_type()) * truth.counts;
  return ratio(disputed * truth.weight * (p - hot).square().mean(1), disputed, logits, comm);
}

at::Tensor blur_disputed(const at::Tensor& logits, const DisputedLabels& labels,
                         const Communicator& comm) {
  const Chosen truth = chosen(labels, logits);
  const at::Tensor is_wrong = (logits.detach().argmax(1) != truth.label).to(logits.scalar_type());
  const at::Tensor counted = labels.discrepancy.to(logits.scalar_type()) * is_wrong * truth.counts;
  return ratio(counted * truth.weight * -logits.log_softmax(1).mean(1), counted, logits, comm);
}

}  // namespace semiseg
