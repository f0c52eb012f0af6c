// SPDX-License-Identifier: Apache-2.0
// One start of a run: trains on from its newest checkpoint, then evaluates the selected weights.
#pragma once

#include <cstdint>

#include "framework/record/run/run_folder.h"
#include "framework/run/assemble.h"

namespace semiseg {

// Collective; `folder` on rank 0, which alone records, null on the others. True: the run is done;
// false: stopped on request, with all that was trained saved. `stop_after` iterations of this start
// it stops; 0: at the end.
bool train_run(const Experiment& experiment, RunFolder* folder, const std::vector<std::string>& arguments,
               int64_t stop_after);

}  // namespace semiseg
