// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/correlation.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <vector>

#include "framework/nn/kernels/upsample.h"

namespace semiseg {
namespace {

// Bool [R,HW] of rows [R,h,w] of the correlation.
at::Tensor regions_of(const at::Tensor& rows, at::IntArrayRef size) {
  const at::Tensor value = upsample_bilinear(rows.unsqueeze(1), size).flatten(1);
  const at::Tensor low = value.amin(1, /*keepdim=*/true), high = value.amax(1, /*keepdim=*/true);
  return value - low > 0.5 * (high - low);
}

// One sample: region bool [R,HW]; label, counts [HW].
SpreadLabels spread_one(const SpreadLabels& labels, const at::Tensor& region, int64_t classes,
                        const at::Tensor& tau) {
  const at::Tensor inside = (region & labels.counts.unsqueeze(0)).to(at::kFloat);
  // Numbers of pixels: exact in float32.
  const at::Tensor of_class =
      inside.matmul(at::one_hot(labels.label, classes).to(at::kFloat)).to(at::kDouble);
  const at::Tensor sure = of_class.sum(1), all = region.sum(1).to(at::kDouble);
  const auto [largest, winner] = of_class.max(1);
  const at::Tensor accepted = (sure > 0) & (sure >= tau * all) & (largest > tau * sure);
  const at::Tensor order =
      at::arange(1, region.size(0) + 1, region.options().dtype(at::kInt)) * accepted;
  const at::Tensor last = (region * order.unsqueeze(1)).amax(0);
  const at::Tensor covered = last > 0;
  const at::Tensor label = winner.index_select(0, (last - 1).clamp_min(0).to(at::kLong));
  return {at::where(covered, label, labels.label), labels.counts | covered};
}

}  // namespace

at::Tensor correlation_map(const at::Tensor& key, const at::Tensor& query) {
  const double scale = std::sqrt(static_cast<double>(key.size(1)));
  return (key.flatten(2).transpose(1, 2).matmul(query.flatten(2)) / scale).softmax(2);
}

at::Tensor carried_logits(const at::Tensor& logits, const at::Tensor& correlation,
                          at::IntArrayRef head_size) {
  const at::Tensor small = upsample_bilinear(logits.detach(), head_size);
  const at::Tensor carried = small.flatten(2).matmul(correlation).view_as(small);
  return upsample_bilinear(carried, logits.sizes().slice(2));
}

SpreadLabels spread_labels(const SpreadLabels& labels, const at::Tensor& outside,
                           const at::Tensor& correlation, const at::Tensor& pixels,
                           at::IntArrayRef head_size, int64_t classes, const at::Tensor& tau) {
  const at::NoGradGuard no_grad;
  const at::IntArrayRef size = labels.label.sizes().slice(1);
  std::vector<at::Tensor> label, counts;
  for (int64_t i = 0; i < labels.label.size(0); ++i) {
    const at::Tensor rows = correlation[i].detach().index_select(0, pixels);
    const at::Tensor region =
        regions_of(rows.reshape({rows.size(0), head_size[0], head_size[1]}), size) &
        ~outside[i].flatten().unsqueeze(0);
    const SpreadLabels one =
        spread_one({labels.label[i].flatten(), labels.counts[i].flatten()}, region, classes, tau);
    label.push_back(one.label.view(size));
    counts.push_back(one.counts.view(size));
  }
  if (label.empty()) return labels;
  return {at::stack(label), at::stack(counts)};
}

}  // namespace semiseg
