// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/networks/task_predictor.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"

namespace semiseg {

at::Tensor TaskPredictor::predict(const at::Tensor& image) {
  const at::NoGradGuard no_grad;
  if (classes_ == 2) return network_.forward(image, Pass{}).logits;
  const at::Tensor prompts = at::arange(tasks_).expand({image.size(0), tasks_});
  const at::Tensor logits = network_.forward({image, {{"prompt", prompts}}}, Pass{})["prompts"];
  const at::Tensor foreground = logits.select(2, 1) - logits.select(2, 0);  // [N,T,S]
  return at::cat({at::zeros_like(foreground.narrow(1, 0, 1)), foreground}, 1);
}

at::Tensor TaskPredictor::predict_task(const at::Tensor& image, int64_t task) {
  SEMISEG_CHECK(task >= 0 && task < tasks_, "a task is one of those of the data");
  constexpr double kImpossible = -1e4;  // its softmax is 0
  const at::NoGradGuard no_grad;
  const at::Tensor prompts = at::full({image.size(0), 1}, task, at::kLong);
  const at::Tensor two = network_.forward({image, {{"prompt", prompts}}}, Pass{}).logits;
  if (classes_ == 2) return two;
  std::vector<int64_t> shape = two.sizes().vec();
  shape[1] = classes_;
  const at::Tensor logits = at::full(shape, kImpossible, two.options());
  logits.select(1, 0).copy_(two.select(1, 0));
  logits.select(1, task + 1).copy_(two.select(1, 1));
  return logits;
}

}  // namespace semiseg
