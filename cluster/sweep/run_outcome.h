// SPDX-License-Identifier: Apache-2.0
// The state of a run as its folder tells it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cluster/launcher.h"

namespace semiseg::cluster {

struct RunOutcome {
  TaskState state = TaskState::kPending;  // pending: it has not started
  std::string detail;                     // first line of the failure; who works on it
  std::string updated;                    // ISO, UTC; empty when it has not started
  std::optional<double> score;            // mean Dice of a done run that was measured
};

// Reads state.json and, of a done run, summary.json. A damaged file makes the state unknown.
RunOutcome run_outcome(const std::filesystem::path& run);

}  // namespace semiseg::cluster
