// SPDX-License-Identifier: Apache-2.0
// The trainer's side of Step: backward, reduction over ranks, non-finite guard, clipping, optimiser
// update.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "framework/methods/method.h"

namespace semiseg {

class TrainingStep : public Step {
 public:
  using Value = std::variant<double, at::Tensor>;

  // `records` is what step.record(…) fills, in order of the calls; it outlives the step.
  TrainingStep(const Communicator& communicator, const Draws& step_draws,
               std::vector<std::pair<std::string, Value>>& records);

  void minimise(Optimiser& optimiser, const at::Tensor& loss) override;
  void record(std::string_view name, const at::Tensor& value) override;
  void record(std::string_view name, double value) override;

 private:
  std::vector<std::pair<std::string, Value>>& records_;
};

}  // namespace semiseg
