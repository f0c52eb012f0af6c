// SPDX-License-Identifier: Apache-2.0
// Steps of one stage of a run without its trainer: nothing is validated, recorded or saved. They
// measure memory and time.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/run/training/run_batches.h"
#include "framework/train/gradients/reduction.h"
#include "framework/train/gradients/scaler.h"
#include "framework/train/training_step.h"

namespace semiseg::cluster {

class TrialSteps {
 public:
  // `run` and `batches` outlive it.
  TrialSteps(const Run& run, const RunBatches& batches, int64_t stage);

  // The method enters the stage; before the first step.
  void begin();
  Batch next_batch() { return loader_->next(); }
  // Collective. Makes the step of this iteration of the stage; iterations need not be in order.
  void step(const Batch& batch, int64_t iteration);
  // Drops the values that the last step recorded.
  void drop_records() { records_.clear(); }

  const Stage& stage() const { return plan_.stages[static_cast<size_t>(number_)]; }

 private:
  const Run& run_;
  Method& method_;
  Plan plan_;
  int64_t number_;
  std::unique_ptr<Loader> loader_;
  GradientReduction reduction_;
  GradientScaler scaler_;
  std::vector<std::pair<std::string, TrainingStep::Value>> records_;
};

}  // namespace semiseg::cluster
