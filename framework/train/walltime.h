// SPDX-License-Identifier: Apache-2.0
// Tells when a run must stop so that it is saved before the job is killed. Reads no clock: times
// are arguments.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "framework/config/config.h"

namespace semiseg {

// Returns the seconds of "9000", "9000s", "150m" or "150min", "2.5h", "02:30:00" or "1-02:30:00" (days first, as
// Slurm writes it); none for anything else.
std::optional<double> parse_duration(const std::string& text);

// Returns run.walltime in seconds; none when absent or empty. Throws kConfig when it is no duration.
std::optional<double> read_walltime(const Config& run);

// Returns the seconds until Slurm ends the job that this process is part of (SLURM_JOB_END_TIME,
// seconds since the epoch as `now` is); none outside a job, and when that was more than a day ago.
std::optional<double> slurm_seconds_left(const std::map<std::string, std::string>& environment,
                                         int64_t now);

// The safety margin is measured: a stop can come one step (or one case of a validation) late, and
// then the state is saved, after one write that is running and one that is queued.
class Walltime {
 public:
  Walltime() = default;  // no end
  // `seconds` from `now` on; none: no end. `now` here and below is of one clock that does not jump.
  Walltime(std::optional<double> seconds, double now);

  void stepped(double seconds);
  void saved(double seconds);
  // Forgets the measured times: other work begins, and nothing has to be saved any more.
  void forget();

  // Returns 3 · longest save + longest step + 10 s, in seconds.
  double margin() const;
  // Returns nullopt without an end; negative after the end.
  std::optional<double> seconds_left(double now) const;
  // Returns true when no more than the margin is left.
  bool is_due(double now) const;

 private:
  std::optional<double> end_;
  double longest_step_ = 0, longest_save_ = 0;
};

}  // namespace semiseg
