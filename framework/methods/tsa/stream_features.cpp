// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/stream_features.h"

#include <ATen/Functions.h>

#include <string>
#include <vector>

namespace semiseg {
namespace {

bool has_feature_for_each_tap(const TsaOptions& options) {
  return options.space == "feature" && options.head_mode == "im2col";
}

// Returns the receptive field of a head with several taps at each pixel: features [N,A,S], kernel
// sizes k (odd) → [N,A·∏k,∏S], taps of one feature together, zeros beyond the border.
at::Tensor neighbourhoods(const at::Tensor& features, at::IntArrayRef kernel) {
  std::vector<int64_t> padding;  // padding, the last axis first
  for (auto side = kernel.rbegin(); side != kernel.rend(); ++side)
    padding.insert(padding.end(), 2, *side / 2);
  at::Tensor windows = at::constant_pad_nd(features, padding);
  const auto axes = static_cast<int64_t>(kernel.size());
  for (int64_t axis = 0; axis < axes; ++axis)
    windows = windows.unfold(2 + axis, kernel[static_cast<size_t>(axis)], 1);
  std::vector<int64_t> order = {0, 1};  // order of the axes of [N,A,S,k]: taps before places
  for (int64_t axis = 0; axis < axes; ++axis) order.push_back(2 + axes + axis);
  for (int64_t axis = 0; axis < axes; ++axis) order.push_back(2 + axis);
  return windows.permute(order).flatten(2 + axes).flatten(1, 1 + axes);
}

}  // namespace

int64_t feature_count(const TsaOptions& options, const Classifier& head, int64_t classes,
                      const Config& section) {
  if (options.space == "logit") return classes;
  const int64_t features = head.weight.size(1), taps = head.weight[0][0].numel();
  if (options.head_mode == "conv1x1" && taps != 1) {
    section.fail("head_mode", "the backbone's head has " + std::to_string(taps) + " taps",
                 "a head of one tap", "backbone.head=conv1x1, or method.head_mode=tap_sum");
  }
  return has_feature_for_each_tap(options) ? features * taps : features;
}

LabelledFeatures features_of(const ClassPixels& pixels, const TsaOptions& options,
                             const Classifier& head) {
  const at::Tensor& chosen = options.space == "logit" ? pixels.logits : pixels.features;
  if (!has_feature_for_each_tap(options)) return {chosen.detach(), pixels.label, pixels.samples};
  return {neighbourhoods(chosen.detach(), head.weight.sizes().slice(2)), pixels.label.flatten(1),
          pixels.samples};
}

at::Tensor weight_of(const TsaOptions& options, const Classifier& head) {
  if (options.space == "logit") return at::eye(head.weight.size(0), head.weight.options());
  return has_feature_for_each_tap(options) ? head.weight.flatten(1) : head.weight;
}

at::Tensor logits_of(const Classifier& head, const at::Tensor& features) {
  std::vector<int64_t> padding;
  for (const int64_t side : head.weight.sizes().slice(2)) padding.push_back(side / 2);
  const std::vector<int64_t> ones(padding.size(), 1), zeros(padding.size(), 0);
  return at::convolution(features.detach().to(head.weight.scalar_type()), head.weight, head.bias,
                         ones, padding, ones, false, zeros, 1);
}

}  // namespace semiseg
