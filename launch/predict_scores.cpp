// SPDX-License-Identifier: Apache-2.0
#include "launch/predict_scores.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/data/zoom.h"

namespace semiseg {
namespace {

// One slice at a time: [1,C,H,W] → [1,K,H,W].
at::Tensor slice_probabilities(const Experiment& e, const at::Tensor& slice) {
  const std::vector<int64_t>& size = e.protocol.patch_size;
  const at::Tensor logits = e.method->predictor().predict(zoom_order0(slice, size).to(e.dtype()));
  return zoom_order0(at::softmax(logits, 1).to(at::kFloat).cpu(), {slice.size(2), slice.size(3)});
}

}  // namespace

at::Tensor class_probabilities(const std::vector<Experiment>& experiments, const Volume& volume) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> slices;
  for (const at::Tensor& slice : volume.image.unbind(1)) {
    at::Tensor sum;
    for (const Experiment& e : experiments) {
      const at::Tensor one = slice_probabilities(e, slice.unsqueeze(0));
      sum = sum.defined() ? sum + one : one;
    }
    slices.push_back(sum[0] / static_cast<double>(experiments.size()));
  }
  return at::stack(slices, 1);
}

at::Tensor class_labels(const std::vector<Experiment>& experiments, const Volume& volume) {
  if (experiments.size() == 1) return experiments.front().segment(volume);
  return class_probabilities(experiments, volume).argmax(0).to(at::kByte);
}

}  // namespace semiseg
