// SPDX-License-Identifier: Apache-2.0
// Gradient reduction of a training: a reducer for each optimiser, kept from step to step.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/core/state.h"
#include "framework/nn/optimiser.h"
#include "framework/train/gradients/reducer.h"
#include "framework/train/protocol.h"

namespace semiseg {

class GradientReduction {
 public:
  // `comm` outlives it.
  GradientReduction(const Communicator& comm, const ReductionOptions& options)
      : comm_(comm), options_(options) {}

  // Collective. Runs `backward` and sums the gradients of `optimiser`'s parameters over ranks
  // (GradientReducer::reduce says what holds afterwards); with one rank it only runs `backward`.
  // Optimisers of one training differ in their names. Parameters that no gradient reached on any
  // rank are named in the log, by rank 0, in the optimiser's first reduction. `is_new` is that of
  // reduce().
  void run(const Optimiser& optimiser, const std::function<void()>& backward, bool is_new = false);

  // Returns the cost of the latest run(); zeros with one rank.
  const ReductionTimes& last_times() const { return last_times_; }

  // Visits the agreed orders, as "trainer/gradient_order": the rounding of a sum may depend on its
  // place in the message, so a resumed training needs the same messages for the same bits.
  void state(StateVisitor& visitor);

 private:
  GradientReducer& reducer_of(const Optimiser& optimiser);
  void name_unused(const Optimiser& optimiser);

  const Communicator& comm_;
  ReductionOptions options_;
  std::unique_ptr<Communicator> own_;  // carries gradients only
  std::map<std::string, std::unique_ptr<GradientReducer>> reducers_;
  std::map<std::string, std::vector<size_t>> orders_;
  std::set<std::string> seen_;  // optimisers whose unused parameters have been named
  ReductionTimes last_times_;
};

}  // namespace semiseg
