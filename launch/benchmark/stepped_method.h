// SPDX-License-Identifier: Apache-2.0
// A method outside of the trainer, with a batch in memory, for the step and rank benchmarks.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/methods/method.h"
#include "framework/train/gradients/reduction.h"
#include "framework/train/gradients/scaler.h"
#include "framework/train/training_step.h"

namespace semiseg {

struct StepCase {
  std::string backbone, method;
  std::vector<int64_t> patch_size;
  int64_t batch = 24, labelled = 12;  // samples of all ranks
  int64_t classes = 4;
  at::Device device = at::kCPU;
  std::string precision = "float32";
};

// Images are concentric bands of the classes with noise, so that components are few and large, as
// in the baselines. A method of several stages first makes 30 steps of its first stage on two small
// images, because its pseudo-labels would otherwise be noise, and then runs its last stage.
class SteppedMethod {
 public:
  // `comm` outlives it. Collective.
  SteppedMethod(const StepCase& step_case, const Communicator& comm);

  void step();
  const ReductionTimes& last_times() const { return reduction_.last_times(); }
  Method& method() { return *method_; }
  const Batch& batch() const { return batch_; }

 private:
  void run(const Batch& batch, int64_t stage);

  const Communicator& comm_;
  at::Device device_;
  std::unique_ptr<Method> method_;
  GradientReduction reduction_;
  GradientScaler scaler_;
  Batch batch_;
  int64_t iteration_ = 0;
  std::vector<std::pair<std::string, TrainingStep::Value>> records_;
};

}  // namespace semiseg
