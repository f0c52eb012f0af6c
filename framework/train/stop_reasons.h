// SPDX-License-Identifier: Apache-2.0
// All reasons for which a run stops and saves.
#pragma once

#include <optional>
#include <string>

#include "framework/comm/communicator.h"
#include "framework/train/stop_request.h"
#include "framework/train/walltime.h"

namespace semiseg {

class StopReasons {
 public:
  // `request` is that of the rank that holds the run's lock, nullptr on the others. It must outlive
  // this.
  StopReasons(Walltime walltime, StopRequest* request) : walltime_(walltime), request_(request) {}

  // Polled after every step, and before every case of a validation: a stop may come late by the
  // time between two calls. Returns "SIGUSR1", "walltime in 42 s", "semiseg train --stop"; nullopt:
  // continue. The first call says so when the walltime is too short to get on. `now` in seconds of the clock that the walltime was made with, `longest_save` in
  // seconds so far.
  std::optional<std::string> reason(double now, double longest_save);

  // Call it when training is over: the margin of the walltime forgets the steps and saves of
  // training.
  void begin_evaluation();

 private:
  Walltime walltime_;
  StopRequest* request_;
  std::optional<double> asked_;
  bool is_first_ = true;
};

// Collective. Returns why the ranks stop, "rank 2: SIGUSR1" or, for a single rank, "SIGUSR1", when
// at least one has a reason; empty: none has.
std::string agree_to_stop(const std::optional<std::string>& mine, const Communicator& comm);

}  // namespace semiseg
