// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses_translation.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace semiseg {
namespace {

constexpr double kSmall = 1e-6;

// Σ value / count over all ranks; 0 without a count.
at::Tensor mean_of_set(const at::Tensor& value, const at::Tensor& is_in, double each,
                       const Communicator& comm) {
  const at::Tensor sums = comm.sum(
      at::stack({value.sum(), is_in.to(value.scalar_type()).sum() * each}).to(at::kDouble));
  return (sums[0] / sums[1].clamp_min(1)).to(value.scalar_type());
}

}  // namespace

at::Tensor translation_kl_sum(const at::Tensor& logits, const at::Tensor& shifted_logits,
                              int64_t axis) {
  const at::Tensor a = logits.clamp(kSmall, 1), b = shifted_logits.clamp(kSmall, 1);
  const at::Tensor map = at::kl_div(a.log_softmax(axis), b.softmax(axis), at::Reduction::None);
  return map.flatten(1).mean(1).sum();
}

at::Tensor negative_entropy_sum(const at::Tensor& logits) {
  const at::Tensor z = logits.clamp(kSmall, 1);
  return (z.softmax(1) * z.log_softmax(1)).sum(1).flatten(1).mean(1).sum();
}

at::Tensor thresholded_cross(const at::Tensor& logits, const at::Tensor& target_logits,
                             const CrossThresholds& thresholds, const Communicator& comm) {
  const at::Tensor q = target_logits.detach().softmax(1);
  const auto [high, label] = q.max(1);
  const at::Tensor low = q.amin(1);
  const at::Tensor is_sure = high >= thresholds.positive, is_unlike = low < thresholds.negative;
  const at::Tensor ce = -logits.log_softmax(1).gather(1, label.unsqueeze(1)).squeeze(1);
  const at::Tensor positive =
      mean_of_set(ce * high * is_sure.to(ce.scalar_type()), is_sure, 1, comm);
  const at::Tensor log_rest = (1 - logits.softmax(1)).clamp(kSmall, 1).log();
  const at::Tensor weight = low * is_unlike.to(ce.scalar_type());
  if (logits.size(1) == 2) {
    const at::Tensor other = log_rest.gather(1, (1 - label).unsqueeze(1)).squeeze(1);
    return positive + mean_of_set(-other * weight, is_unlike, 1, comm);
  }
  const at::Tensor hot = at::zeros_like(q).scatter_(1, label.unsqueeze(1), 1);
  const at::Tensor sign = thresholds.bitwise ? -1 - hot : hot - 1;
  return positive + mean_of_set(sign * log_rest * weight.unsqueeze(1), is_unlike,
                                static_cast<double>(logits.size(1)), comm);
}

}  // namespace semiseg
