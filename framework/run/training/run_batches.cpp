// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/run_batches.h"

namespace semiseg {

RunBatches::RunBatches(const Run& run)
    : run_(run),
      transform_(
          TransformOptions::read(run.options.config.section("protocol").section("augmentation"),
                                 run.options.protocol.patch_size, run.data.facts.info.axial_axis)),
      views_(Views::read(run.options.config.section("protocol").section("views"))),
      samples_(std::make_shared<SampleCache>(*run.data.source, run.data.pools.samples,
                                             run.options.loader.cache_mb)) {
  const Plan plan = run.model.method->plan();
  const Communicator& comm = *run.model.comm;
  for (const Stage& stage : plan.stages) {
    share(stage.streams, stage.colocated, comm.rank(), comm.size());
    views_.check(stage.streams);
  }
  for (size_t i = 0; i < plan.stages.size(); ++i) plan_of(plan.stages[i], static_cast<int64_t>(i));
}

BatchPlan RunBatches::plan_of(const Stage& stage, int64_t index) const {
  return BatchPlan(run_.data.pools, stage.streams, run_.options.draws(), index);
}

std::unique_ptr<Loader> RunBatches::loader(int64_t index, int64_t first_iteration) const {
  const Stage stage = run_.model.method->plan().stages[static_cast<size_t>(index)];
  const Communicator& comm = *run_.model.comm;
  return std::make_unique<Loader>(
      LoaderParts{.samples = samples_,
                  .plan = plan_of(stage, index),
                  .slots = share(stage.streams, stage.colocated, comm.rank(), comm.size()),
                  .transform = transform_,
                  .views = views_,
                  .draws = run_.options.draws(),
                  .stage = index,
                  .first_step = first_iteration,
                  .steps = stage.iterations,
                  .dtype = run_.model.dtype,
                  .device = run_.model.device},
      run_.options.loader);
}

int64_t RunBatches::epoch_length(int64_t stage) const {
  const Plan plan = run_.model.method->plan();
  return plan_of(plan.stages[static_cast<size_t>(stage)], stage).longest_epoch();
}

}  // namespace semiseg
