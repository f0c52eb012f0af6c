// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/certain_head.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/ignore_label.h"

namespace semiseg {

CertainLabel pasted(const CertainLabel& base, const CertainLabel& other, const at::Tensor& inside) {
  const at::Tensor where = base.label.dim() > inside.dim() ? inside.unsqueeze(1) : inside;
  return {at::where(where, other.label, base.label), at::where(where, other.certain, base.certain)};
}

CertainHeadOptions CertainHeadOptions::read(const Config& section, const NetworkShape& shape) {
  CertainHeadOptions o;
  section.read("head", o.kind, {"softmax", "nested_sigmoid"},
               "Kind of prediction: one class for each pixel, or two nested structures, label 2 "
               "(cup) inside labels 1 and 2 (disc), as for retinal images.");
  section.read("threshold", o.threshold, {0, 1},
               "Confidence above which a pseudo-label counts. Lower it when certain_fraction stays "
               "low.");
  section.read("mask_background", o.mask_background,
               "Masks unsure pixels in the background's Dice term, too. The reference does not.");
  if (o.is_nested() && shape.classes != 3)
    section.fail("head", "nested structures have three labels", "a data set of three classes");
  return o;
}

CertainLabel CertainHeadOptions::certain(const at::Tensor& logits) const {
  if (is_nested()) {
    const at::Tensor p = logits.sigmoid();
    return {(p >= 0.5).to(logits.scalar_type()),
            at::logical_or(p >= threshold, p <= 1 - threshold)};
  }
  const auto [confidence, label] = logits.softmax(1).max(1);
  return {label, confidence > threshold};
}

CertainLabel CertainHeadOptions::truth(const at::Tensor& label, at::ScalarType dtype) const {
  const at::Tensor target = is_nested() ? nested_target(label, dtype) : label.to(at::kLong);
  const at::Tensor counts = label != kIgnoreLabel;
  return {target, is_nested() ? counts.unsqueeze(1).expand_as(target) : counts};
}

CertainLoss CertainHeadOptions::loss(const at::Tensor& logits, const CertainLabel& target,
                                     const Communicator& comm) const {
  if (is_nested()) return certain_nested(logits, target.label, target.certain, comm);
  return certain_softmax(logits, target.label, target.certain, mask_background, comm);
}

at::Tensor CertainPredictor::predict(const at::Tensor& image) {
  const at::NoGradGuard no_grad;
  const at::Tensor logits = network_.forward(image, Pass{.heads = {"deployed"}}).logits;
  if (!head_.is_nested()) return logits;
  const at::Tensor p = logits.sigmoid(), cup = p.slice(1, 0, 1), disc = p.slice(1, 1, 2);
  return at::cat({(1 - cup) * (1 - disc), (1 - cup) * disc, cup}, 1).log();
}

}  // namespace semiseg
