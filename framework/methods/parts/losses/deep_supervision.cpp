// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/losses/deep_supervision.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace semiseg {

std::vector<double> deep_supervision_weights(size_t heads) {
  std::vector<double> weights;
  double sum = 0, weight = 1;
  for (size_t i = 0; i <= heads; ++i, weight /= 2) {
    weights.push_back(heads > 1 && i == heads ? 0 : weight);
    sum += weights.back();
  }
  for (double& each : weights) each /= sum;
  return weights;
}

at::Tensor label_at(const at::Tensor& label, at::IntArrayRef size) {
  at::Tensor result = label;
  for (int64_t axis = 0; axis < static_cast<int64_t>(size.size()); ++axis) {
    const int64_t in = label.size(axis + 1), out = size[static_cast<size_t>(axis)];
    if (in == out) continue;
    std::vector<int64_t> source;
    for (int64_t i = 0; i < out; ++i) source.push_back((2 * i + 1) * in / (2 * out));
    result = result.index_select(axis + 1, at::tensor(source, at::kLong).to(label.device()));
  }
  return result;
}

at::Tensor deeply_supervised(
    const at::Tensor& logits, const std::vector<NamedTensor>& heads, const at::Tensor& label,
    const std::function<at::Tensor(const at::Tensor& logits, const at::Tensor& label)>& loss) {
  const std::vector<double> weights = deep_supervision_weights(heads.size());
  at::Tensor sum = weights[0] * loss(logits, label);
  for (size_t i = 0; i < heads.size(); ++i) {
    if (weights[i + 1] == 0) continue;
    const at::Tensor& of_head = heads[i].value;
    sum = sum + weights[i + 1] * loss(of_head, label_at(label, of_head.sizes().slice(2)));
  }
  return sum;
}

}  // namespace semiseg
