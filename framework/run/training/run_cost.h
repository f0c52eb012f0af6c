// SPDX-License-Identifier: Apache-2.0
// The labels that a run reads and its cost, which account.json keeps over all starts.
#pragma once

#include <cstdint>

#include "framework/record/run/run_folder.h"
#include "framework/run/run.h"

namespace semiseg {

// Returns the number of patients whose labels are read before the final evaluation: those of the
// labelled pool and those that are validated, whether or not the scores select the weights.
int64_t labels_touched(const Run& run);

// Returns the number of patients of the label budget: those that training uses and, in a strict
// budget, those of them that select instead.
int64_t label_budget(const Run& run);

// One start of a run.
struct StartCost {
  double seconds = 0;
  int64_t steps = 0;          // of training
  double forward_passes = 0;  // see RunAccount
};

// Collective. Returns the forward passes that `images` of every rank are: their sum over the global
// batch.
double forward_passes(const Run& run, int64_t images);

// Adds one start to the account in the run folder. Not collective: rank 0 does it. Throws kIo when
// it cannot be written.
void record_account(const RunFolder& folder, const Run& run, const StartCost& start);

}  // namespace semiseg
