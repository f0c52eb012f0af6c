// SPDX-License-Identifier: Apache-2.0
// One start of a run: trains on from its newest checkpoint, then evaluates the selected weights.
// Before it, what the data can select and teach is settled.
#pragma once

#include <cstdint>

#include "framework/record/run/run_folder.h"
#include "framework/run/run.h"
#include "framework/run/training/run_batches.h"

namespace semiseg {

// Collective. `folder` is set on rank 0, which alone records, and null on the others. Returns true
// when the run is done, false when it stopped on request, with its state saved. It stops after
// `stop_after` iterations of this start; 0: at the end.
bool train_run(const Run& run, const RunBatches& batches, RunFolder* folder,
               const std::vector<std::string>& arguments, int64_t stop_after);

// Sets protocol.select to "last" when no case of the split that selects holds any foreground, with
// a warning on the first rank: a network that finds nothing would be perfect there. Reads cases
// until one has some.
void settle_selection(Run& run);

// Warns of each class that no labelled patient has, because it cannot be learned.
void warn_of_absent_classes(const RunData& data);

}  // namespace semiseg
