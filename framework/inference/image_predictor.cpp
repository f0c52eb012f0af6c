// SPDX-License-Identifier: Apache-2.0
#include "framework/inference/image_predictor.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <cmath>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// Every subset of `axes` as dimensions of [N,C,S]; the empty one first, then by size, as nnU-Net
// adds them up.
std::vector<std::vector<int64_t>> mirror_sets(const std::vector<int64_t>& axes) {
  std::vector<std::vector<int64_t>> sets;
  for (size_t size = 0; size <= axes.size(); ++size) {
    for (size_t mask = 0; mask < size_t{1} << axes.size(); ++mask) {
      std::vector<int64_t> set;
      for (size_t i = 0; i < axes.size(); ++i) {
        if (mask >> i & 1) set.push_back(axes[i] + 2);
      }
      if (set.size() == size) sets.push_back(std::move(set));
    }
  }
  return sets;
}

// One logit x is the two classes 0 and x.
at::Tensor log_probabilities(const at::Tensor& logits) {
  const at::Tensor classes =
      logits.size(1) == 1 ? at::cat({at::zeros_like(logits), logits}, 1) : logits;
  return at::log_softmax(classes, 1);
}

}  // namespace

ImagePredictor mirrored(ImagePredictor predict, std::vector<int64_t> axes) {
  if (axes.empty()) return predict;
  return [predict = std::move(predict), sets = mirror_sets(axes)](const at::Tensor& image) {
    at::Tensor sum = predict(image).clone();
    for (size_t i = 1; i < sets.size(); ++i) sum += predict(image.flip(sets[i])).flip(sets[i]);
    return sum.div_(static_cast<double>(sets.size()));
  };
}

ImagePredictor mean_of(std::vector<ImagePredictor> members) {
  SEMISEG_CHECK(!members.empty(), "an ensemble has at least one member");
  if (members.size() == 1) return members[0];
  return [members = std::move(members)](const at::Tensor& image) {
    const at::Tensor first = members[0](image);
    at::Tensor sum = log_probabilities(first);
    for (size_t i = 1; i < members.size(); ++i) {
      const at::Tensor logits = members[i](image);
      SEMISEG_CHECK(logits.sizes() == first.sizes(), "members give logits of one shape");
      sum = at::logaddexp(sum, log_probabilities(logits));
    }
    if (first.size(1) == 1) return sum.narrow(1, 1, 1) - sum.narrow(1, 0, 1);
    return sum - std::log(static_cast<double>(members.size()));
  };
}

}  // namespace semiseg
