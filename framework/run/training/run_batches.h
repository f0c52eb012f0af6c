// SPDX-License-Identifier: Apache-2.0
// The batches that a run trains on, stage by stage.
#pragma once

#include <cstdint>
#include <memory>

#include "framework/data/batch_plan.h"
#include "framework/data/loader.h"
#include "framework/run/run.h"

namespace semiseg {

class RunBatches {
 public:
  // Throws kConfig when the batches of a stage cannot be drawn: the samples do not suffice, ranks
  // are too many, or a view has no definition. `run` must outlive this and stay where it is.
  explicit RunBatches(const Run& run);

  // Returns this rank's batches of a stage from one of its iterations on.
  std::unique_ptr<Loader> loader(int64_t stage, int64_t first_iteration) const;
  // Returns BatchPlan::longest_epoch() of a stage.
  int64_t epoch_length(int64_t stage) const;

 private:
  BatchPlan plan_of(const Stage& stage, int64_t index) const;

  const Run& run_;
  TransformOptions transform_;
  Views views_;
  std::shared_ptr<SampleCache> samples_;
};

}  // namespace semiseg
