// SPDX-License-Identifier: Apache-2.0
// All reasons for which a rank wants its run to stop and save.
#pragma once

#include <optional>
#include <string>

#include "framework/comm/communicator.h"
#include "framework/train/stop_request.h"
#include "framework/train/walltime.h"

namespace semiseg {

class StopReasons {
 public:
  // `request`: of the rank that holds the run's lock, nullptr on the others. It must outlive this.
  StopReasons(Walltime walltime, StopRequest* request) : walltime_(walltime), request_(request) {}

  // Asked after every step, and before every case of a validation: the time between two calls is
  // what a stop may come late. "SIGUSR1", "walltime in 42 s", "semiseg train --stop"; none: go on.
  // `now` in seconds of the clock that the walltime was made with, `longest_save` in seconds so
  // far.
  std::optional<std::string> reason(double now, double longest_save);

  // The training is over: the walltime forgets what it learned of its steps and saves.
  void begin_evaluation();

 private:
  Walltime walltime_;
  StopRequest* request_;
  std::optional<double> asked_;
};

// Collective. Why the ranks stop, "rank 2: SIGUSR1" or, of a single one, "SIGUSR1", when at least
// one wants to; empty: none does.
std::string agree_to_stop(const std::optional<std::string>& mine, const Communicator& comm);

}  // namespace semiseg
