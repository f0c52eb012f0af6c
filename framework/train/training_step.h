// SPDX-License-Identifier: Apache-2.0
// The trainer's side of Step: backward, reduction over ranks, non-finite guard, clipping, optimiser
// update.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "framework/methods/method.h"
#include "framework/train/gradients/reduction.h"
#include "framework/train/gradients/scaler.h"

namespace semiseg {

class TrainingStep : public Step {
 public:
  using Value = std::variant<double, at::Tensor>;

  // `reduction` and `scaler` are the training's. `records` is what step.record(…) fills, in order
  // of the calls. All outlive the step.
  TrainingStep(const Communicator& communicator, const Draws& step_draws,
               GradientReduction& reduction, GradientScaler& scaler,
               std::vector<std::pair<std::string, Value>>& records);
  ~TrainingStep() { scaler_.end_step(); }
  TrainingStep(const TrainingStep&) = delete;
  TrainingStep& operator=(const TrainingStep&) = delete;

  void minimise(Optimiser& optimiser, const at::Tensor& loss) override;
  void accumulate(Optimiser& optimiser, const at::Tensor& loss) override;
  std::vector<at::Tensor> gradients(const at::Tensor& loss,
                                    const std::vector<at::Tensor>& inputs) override;
  void record(std::string_view name, const at::Tensor& value) override;
  void record(std::string_view name, double value) override;

 private:
  void backward(const Optimiser& optimiser, const at::Tensor& loss) const;
  // Unscales and clips the gradients; returns false when the update must be skipped.
  // Throws kNumeric when they are not finite.
  bool prepare_gradients(const Optimiser& optimiser);

  GradientReduction& reduction_;
  GradientScaler& scaler_;
  std::vector<std::pair<std::string, Value>>& records_;
  std::set<const Optimiser*> accumulating_;  // their gradients so far count
};

}  // namespace semiseg
