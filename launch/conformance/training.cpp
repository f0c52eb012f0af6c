// SPDX-License-Identifier: Apache-2.0
#include "launch/conformance/training.h"

#include "framework/data/batch_plan.h"

namespace semiseg {
namespace {

constexpr int64_t kIterations = 2;

// Returns the part of the stage's batch that this rank trains on.
Batch batch_of(const MethodSetup& setup, const Stage& stage, int64_t step,
               const Communicator& comm) {
  const Batch whole = random_batch(setup, stage, step);
  if (comm.size() == 1) return whole;
  return share_of(whole, share(stage.streams, stage.colocated, comm.rank(), comm.size()));
}

}  // namespace

Records train_stages(MethodUnderTest& method, const MethodSetup& setup, const Communicator& comm,
                     int64_t first) {
  Records all;
  const Plan plan = method->plan();
  for (int64_t stage = 0; stage < std::ssize(plan.stages); ++stage) {
    if (first == 0) method->begin_stage(stage);
    for (int64_t i = first; i < first + kIterations; ++i) {
      const Batch batch =
          batch_of(setup, plan.stages[static_cast<size_t>(stage)], 10 * stage + i, comm);
      for (auto& record : method.step(batch, stage, i, Draws(setup.seed).at(stage, i)))
        all.push_back(std::move(record));
    }
  }
  return all;
}

StateMap state_of(MethodUnderTest& method) {
  return take_state([&](StateVisitor& visitor) { method->state(visitor); });
}

}  // namespace semiseg
