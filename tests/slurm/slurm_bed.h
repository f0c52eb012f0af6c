// SPDX-License-Identifier: Apache-2.0
// A real Slurm on this machine for the tests of a suite, and small trainings on it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/small_run.h"

namespace semiseg {

// Two nodes n1 and n2 with four cores and two GPUs each; the partition urgent preempts main and
// short. See tests/slurm/start.
class SlurmBed : public SmallRuns {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  // Runs `semiseg train … run.dir=NAME cluster=slurm MORE`; expects success and returns the job's id.
  static std::string submit(const std::string& name, const std::string& more,
                            const std::string& before = "");

  // Returns the output of a client of Slurm; expects success.
  static std::string slurm(const std::vector<std::string>& words);

  // Returns a field of `scontrol show job`, "JobState", "Restarts", "ExitCode".
  static std::string field(const std::string& job, const std::string& name);

  // Waits until the job is in this state; with the restarts it had before that.
  static void expect_state(const std::string& job, const std::string& state);
  static void expect_restarts(const std::string& job, const std::string& restarts);

  // Waits until the run has this many rows of training: a run under kSuspended stands still then.
  static void expect_rows(const std::string& name, int rows);

  // Waits until the predicate is true. Adds a failure with the queue and `log` after two minutes.
  static void expect_soon(const std::string& what, const std::function<bool()>& is_true);

  // Returns the text of a file of the jobs of this run; empty when there is none.
  static std::string job_file(const std::string& run, const std::string& file);

  // The first start suspends itself before the seventh step, and the signal of the test wakes it up:
  // nothing depends on the speed of this machine.
  static inline const std::string kSuspended = "SEMISEG_FAULT=stop:0:6";
  static inline std::filesystem::path bed_;
};

}  // namespace semiseg
