// SPDX-License-Identifier: Apache-2.0
// All reasons for which one rank wants its run to stop and save. Ranks agree elsewhere.
#pragma once

#include <optional>
#include <string>

#include "framework/train/stop_request.h"
#include "framework/train/walltime.h"

namespace semiseg {

class StopReasons {
 public:
  // `request`: of the rank that holds the run's lock, nullptr on the others. It must outlive this.
  StopReasons(Walltime walltime, StopRequest* request) : walltime_(walltime), request_(request) {}

  // Asked once a step, after all work of the step: the time between two calls is a step's.
  // "SIGUSR1", "walltime in 42 s", "semiseg train --stop"; none: go on. `now` in seconds of the
  // clock that the walltime was made with, `longest_save` in seconds so far.
  std::optional<std::string> reason(double now, double longest_save);

 private:
  Walltime walltime_;
  StopRequest* request_;
  std::optional<double> asked_;
};

}  // namespace semiseg
