// SPDX-License-Identifier: Apache-2.0
#include "cluster/trial_steps.h"

namespace semiseg::cluster {

TrialSteps::TrialSteps(const Run& run, const RunBatches& batches, int64_t stage)
    : run_(run),
      method_(*run.model.method),
      plan_(method_.plan()),
      number_(stage),
      loader_(batches.loader(stage, 0)),
      reduction_(*run.model.comm, run.options.protocol.reduction),
      scaler_(run.options.protocol.precision == "float16") {}

void TrialSteps::begin() { method_.begin_stage(number_); }

void TrialSteps::step(const Batch& batch, int64_t iteration) {
  const Draws draws = run_.options.draws().on(run_.model.device).at(number_, iteration);
  records_.clear();
  TrainingStep step(*run_.model.comm, draws, reduction_, scaler_, records_);
  step.stage = number_;
  step.iteration = iteration;
  step.stage_iterations = stage().iterations;
  method_.step(batch, step);
  method_.after_step(step);
}

}  // namespace semiseg::cluster
