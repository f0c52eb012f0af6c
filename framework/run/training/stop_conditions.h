// SPDX-License-Identifier: Apache-2.0
// Everything that ends one start of a run before the run is done, put together from its
// configuration, the batch job and the command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "framework/run/run_options.h"
#include "framework/run/training/run_journal.h"
#include "framework/train/stop_reasons.h"

namespace semiseg {

class StopConditions {
 public:
  // `run` is the folder on the rank that holds its lock, empty on the others, which have no
  // journal either. `stop_after` iterations of this start; 0: none. `journal` outlives this.
  StopConditions(const RunOptions& options, const std::filesystem::path& run,
                 const RunJournal* journal, int64_t stop_after);
  StopConditions(const StopConditions&) = delete;  // it holds pointers into itself
  StopConditions& operator=(const StopConditions&) = delete;

  // Call it after a step: returns a reason to stop, if this rank has one.
  std::optional<std::string> after_steps(int64_t steps);
  // The same between steps, without `stop_after`.
  std::optional<std::string> now();
  // Call it when nothing has to be saved any more.
  void begin_evaluation();

 private:
  std::optional<StopRequest> request_;
  StopReasons reasons_;
  const RunJournal* journal_;
  int64_t stop_after_;
};

}  // namespace semiseg
