// SPDX-License-Identifier: Apache-2.0
// Trainings on a real Slurm: on several nodes, and through everything that ends a job before its
// run is done. Interrupted runs end in the bytes of an uninterrupted one.
#include "tests/slurm/slurm_bed.h"

#include <signal.h>

#include <string>

#include "framework/core/files.h"
#include "framework/record/run/run_state.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

const std::string kTwoNodes = "method=mean_teacher cluster.nodes=2 ";

class Slurm : public SlurmBed {
 protected:
  static void SetUpTestSuite() {
    SlurmBed::SetUpTestSuite();
    ASSERT_EQ(train("whole", "method=mean_teacher", mpirun(2)).exit_code, 0);
    // Slurm itself ends this one. It counts in minutes and looks at limits every half minute: with
    // two minutes and a warning of one the signal comes 30 to 60 s after the start. So the job starts
    // first and is looked at last, and nobody waits for it. It stays on n2, away from the disturbances
    // of n1.
    timed_out_ = submit("timed_out",
                        kTwoNodes +
                            "cluster.nodes=1 cluster.tasks_per_node=2 cluster.exclude=n1 "
                            "cluster.partition=short cluster.time=2m "
                            "cluster.signal_before=60",
                        kSuspended);
  }

  static RunState state(const std::string& run) { return read_run_state(folder_ / run).value(); }

  static inline std::string timed_out_;
};

TEST_F(Slurm, TwoNodesOfTwoTasksTrainAsMpirunDoes) {
  const std::string four =
      "method=mean_teacher protocol.batch=16 protocol.labelled_batch=8 protocol.iterations=6";
  const std::string job = submit("four", four + " cluster.nodes=2 cluster.tasks_per_node=2");
  const ProgramResult again = train("four", "cluster=slurm " + four);
  EXPECT_NE(again.output.find("submitted before: job " + job), std::string::npos) << again.output;
  ASSERT_EQ(train("four_here", four, mpirun(4)).exit_code, 0);
  expect_state(job, "COMPLETED");
  expect_equal_runs("four", "four_here");
  EXPECT_NE(text("four", "provenance.json").find("\"ranks\": 4"), std::string::npos);
  const ProgramResult done = train("four", "cluster=slurm " + four);
  EXPECT_NE(done.output.find("already done"), std::string::npos) << done.output;
}

TEST_F(Slurm, ARequeuedJobResumes) {
  const std::string job = submit("requeued", kTwoNodes, kSuspended);
  expect_rows("requeued", 6);
  slurm({"scontrol", "requeue", job});
  expect_state(job, "COMPLETED");
  EXPECT_EQ(field(job, "Restarts"), "1");
  EXPECT_EQ(job_file("requeued", "restarts." + job), "0 1\n");
  expect_equal_runs("whole", "requeued");
}

TEST_F(Slurm, APreemptedJobSavesLeavesAndResumes) {
  const std::string job = submit("preempted", kTwoNodes, kSuspended);
  expect_rows("preempted", 6);
  const std::string urgent = slurm({"sbatch", "--parsable", "-p", "urgent", "-N", "1", "-w", "n1",
                                    "-n", "4", "-o", "/dev/null", "--wrap", "true"});
  expect_restarts(job, "1");
  expect_state(job, "COMPLETED");
  EXPECT_EQ(field(urgent.substr(0, urgent.find('\n')), "JobState"), "COMPLETED");
  EXPECT_EQ(job_file("preempted", "restarts." + job), "0 1\n");
  EXPECT_NE(job_file("preempted", job + ".log").find("preempted (rank "), std::string::npos);
  expect_equal_runs("whole", "preempted");
}

TEST_F(Slurm, AJobWhoseNodeFailsResumes) {
  const std::string job = submit("node_down", kTwoNodes, kSuspended);
  expect_rows("node_down", 6);
  slurm({"scontrol", "update", "nodename=n1", "state=drain", "reason=test"});
  slurm({"scontrol", "update", "nodename=n1", "state=down", "reason=test"});
  expect_restarts(job, "1");
  slurm({"scontrol", "update", "nodename=n1", "state=resume"});
  expect_state(job, "COMPLETED");
  EXPECT_EQ(job_file("node_down", "restarts." + job), "0 1\n");
  expect_equal_runs("whole", "node_down");
}

TEST_F(Slurm, ACancelledJobSavesAndTheSameCommandGoesOn) {
  const std::string job = submit("cancelled", kTwoNodes, kSuspended);
  expect_rows("cancelled", 6);
  slurm({"scancel", job});
  expect_state(job, "CANCELLED");
  expect_soon("the run is saved", [] { return state("cancelled").status == RunStatus::kStopped; });
  const std::string next = submit("cancelled", kTwoNodes);
  EXPECT_NE(next, job);
  expect_state(next, "COMPLETED");
  expect_equal_runs("whole", "cancelled");
}

TEST_F(Slurm, ARunThatWasAskedToStopIsNotRequeued) {
  const std::string job =
      submit("asked", "method=mean_teacher cluster.tasks_per_node=2 protocol.iterations=2000");
  expect_rows("asked", 1);
  ASSERT_EQ(run_program("train --stop asked", folder_.string()).exit_code, 0);
  expect_state(job, "FAILED");
  EXPECT_EQ(field(job, "ExitCode"), "5:0");
  EXPECT_EQ(field(job, "Restarts"), "0");
}

TEST_F(Slurm, MpirunPassesTheSignalOn) {
  const std::string job = submit(
      "mpirun", "method=mean_teacher cluster.tasks_per_node=2 cluster.start=mpirun", kSuspended);
  expect_rows("mpirun", 6);
  slurm({"scancel", "--batch", "-s", "USR1", job});
  slurm({"scancel", "--full", "-s", "CONT", job});
  expect_state(job, "COMPLETED");
  EXPECT_EQ(job_file("mpirun", "restarts." + job), "1 0\n");
  expect_equal_runs("whole", "mpirun");
}

TEST_F(Slurm, TheLimitOfTimeoutsEndsTheJob) {
  const std::string job = submit("limited", "method=supervised cluster.max_timeouts=0", kSuspended);
  expect_rows("limited", 6);
  slurm({"scancel", "-s", "USR1", job});
  slurm({"scancel", "-s", "CONT", job});
  expect_state(job, "FAILED");
  EXPECT_EQ(field(job, "ExitCode"), "5:0");
  EXPECT_NE(job_file("limited", job + ".log").find("its time was over 1 times"), std::string::npos);
  EXPECT_EQ(state("limited").status, RunStatus::kStopped);
}

TEST_F(Slurm, AJobWhoseTimeIsOverSavesAndResumes) {
  expect_restarts(timed_out_, "1");
  expect_state(timed_out_, "COMPLETED");
  EXPECT_EQ(job_file("timed_out", "restarts." + timed_out_), "1 0\n");
  EXPECT_NE(job_file("timed_out", timed_out_ + ".log").find("out of time"), std::string::npos);
  expect_equal_runs("whole", "timed_out");
}

}  // namespace
}  // namespace semiseg
