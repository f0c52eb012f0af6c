// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/run_outcome.h"

#include <cmath>

#include "framework/core/error.h"
#include "framework/record/run/lock_file.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/run_state.h"
#include "framework/record/run/run_summary.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::optional<double> score_of(const fs::path& run) {
  const fs::path file = run / "summary.json";
  if (!fs::exists(file)) return std::nullopt;
  const double dice = read_run_summary(file).metrics.overall.dice.mean;
  return std::isfinite(dice) ? std::optional(dice) : std::nullopt;
}

RunOutcome outcome_of(const fs::path& run, const RunState& state) {
  RunOutcome outcome{.detail = first_line(state.message), .updated = state.updated};
  switch (state.status) {
    case RunStatus::kDone:
      outcome.state = TaskState::kDone;
      outcome.score = score_of(run);
      break;
    case RunStatus::kFailed:
      outcome.state = TaskState::kFailed;
      break;
    case RunStatus::kStopped:
      outcome.state = TaskState::kStopped;
      break;
    case RunStatus::kRunning: {
      const auto holder = lock_holder(run / kRunLockFile);
      outcome.state = holder ? TaskState::kRunning : TaskState::kStopped;
      outcome.detail = holder ? describe(*holder) : "died: " + describe(state.by);
      break;
    }
  }
  return outcome;
}

}  // namespace

RunOutcome run_outcome(const fs::path& run) {
  try {
    const auto state = read_run_state(run);
    return state ? outcome_of(run, *state) : RunOutcome();
  } catch (const Error& error) {
    return {.state = TaskState::kUnknown, .detail = first_line(error.what())};
  }
}

}  // namespace semiseg::cluster
