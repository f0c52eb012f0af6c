// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses_certain.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/core/ignore_label.h"
#include "framework/nn/losses/class_sums.h"
#include "framework/nn/losses/losses.h"

namespace semiseg {
namespace {

constexpr double kSmooth = 1e-10;

at::Tensor masked_sum(const at::Tensor& map, const at::Tensor& mask) {
  return (mask.defined() ? map * mask.to(map.scalar_type()) : map).sum();
}

// 1 - ratio of Σ pg, Σ p², Σ g².
at::Tensor dice_of(const std::vector<at::Tensor>& sums) {
  return 1 - (2 * sums[0] + kSmooth) / (sums[1] + sums[2] + kSmooth);
}

}  // namespace

CertainLoss certain_softmax(const at::Tensor& logits, const at::Tensor& label,
                            const at::Tensor& mask, bool mask_background,
                            const Communicator& comm) {
  const at::Tensor y = label.to(at::kLong), p = logits.softmax(1);
  const at::Tensor counts = y != kIgnoreLabel, index = y * counts;
  const at::Tensor ce = -logits.log_softmax(1).gather(1, index.unsqueeze(1)).squeeze(1) * counts;
  at::Tensor sums = class_sums(p, y, mask, /*power=*/2);
  if (mask.defined() && !mask_background) {
    const at::Tensor all = class_sums(p, y, {}, /*power=*/2);
    sums = at::cat({all.slice(1, 0, 1), sums.slice(1, 1)}, 1);
  }
  return {dice_of(comm.sum(sums).unbind()).mean().to(logits.scalar_type()),
          global_mean(masked_sum(ce, mask), counts.sum().item<double>(), comm)};
}

CertainLoss certain_nested(const at::Tensor& logits, const at::Tensor& target,
                           const at::Tensor& mask, const Communicator& comm) {
  const at::Tensor p = logits.sigmoid();
  const at::Tensor ce =
      at::binary_cross_entropy_with_logits(logits, target, {}, {}, at::Reduction::None);
  const at::Tensor m = mask.defined() ? mask.to(logits.scalar_type()) : at::ones_like(p);
  const at::Tensor sums =
      comm.sum(at::stack({(p * target * m).sum(), (p * p * m).sum(), (target * target * m).sum()})
                   .to(at::kDouble));
  return {dice_of(sums.unbind()).to(logits.scalar_type()),
          global_mean(masked_sum(ce, mask), static_cast<double>(ce.numel()), comm)};
}

at::Tensor nested_target(const at::Tensor& label, at::ScalarType dtype) {
  return at::stack({label == 2, label >= 1}, 1).to(dtype);
}

}  // namespace semiseg
