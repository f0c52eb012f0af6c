// SPDX-License-Identifier: Apache-2.0
#include "framework/run/training/stop_conditions.h"

#include <algorithm>

#include "framework/comm/launch_environment.h"
#include "framework/core/log.h"
#include "framework/core/process.h"

namespace semiseg {
namespace {

// The start of the process, nearly: it is set before main.
const double kStart = steady_seconds();

Walltime walltime_of(const RunOptions& options) {
  auto seconds = slurm_seconds_left(environment(), now_seconds());
  if (seconds && *seconds < 0) {
    log::warn(
        "by the clock of this machine the job ended {:.0f} s ago (SLURM_JOB_END_TIME): set the "
        "clock, "
        "or unset the variable in a shell of an old job. The run goes on until Slurm's signal",
        -*seconds);
    seconds.reset();
  }
  const auto walltime = read_walltime(options.config.section("run"));
  if (walltime) {  // counts from the start, with the reading of the data
    const double left = *walltime - (steady_seconds() - kStart);
    seconds = seconds ? std::min(*seconds, left) : left;
  }
  return {seconds, steady_seconds()};
}

}  // namespace

StopConditions::StopConditions(const RunOptions& options, const std::filesystem::path& run,
                               const RunJournal* journal, int64_t stop_after)
    : reasons_(walltime_of(options), run.empty() ? nullptr : &request_.emplace(run)),
      journal_(journal),
      stop_after_(stop_after) {}

std::optional<std::string> StopConditions::after_steps(int64_t steps) {
  if (stop_after_ > 0 && steps >= stop_after_) return "--stop-after";
  return now();
}

void StopConditions::begin_evaluation() {
  journal_ = nullptr;
  reasons_.begin_evaluation();
}

std::optional<std::string> StopConditions::now() {
  return reasons_.reason(steady_seconds(), journal_ ? journal_->longest_save_seconds() : 0);
}

}  // namespace semiseg
