// SPDX-License-Identifier: Apache-2.0
// Tests of ranks that need no launch: the environment of the launcher, and the report of late
// ranks.
#include <gtest/gtest.h>

#include "framework/comm/launch_environment.h"
#include "framework/comm/watchdog.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

TEST(LaunchEnvironment, AProcessStartedAloneIsAWorldOfOne) {
  const LaunchEnvironment e = LaunchEnvironment::read({{"HOME", "/home/a"}});
  EXPECT_EQ(e.launcher, "");
  EXPECT_EQ(e.size, 1);
}

TEST(LaunchEnvironment, UnderMpirunInsideAJobOpenMpiKnowsBetterThanSlurm) {
  const LaunchEnvironment e = LaunchEnvironment::read({{"OMPI_COMM_WORLD_RANK", "3"},
                                                       {"OMPI_COMM_WORLD_SIZE", "4"},
                                                       {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                                                       {"SLURM_JOB_ID", "17"},
                                                       {"SLURM_STEP_ID", "0"},
                                                       {"SLURM_PROCID", "1"},
                                                       {"SLURM_STEP_NUM_TASKS", "2"}});
  EXPECT_EQ(e.launcher, "mpirun");
  EXPECT_EQ(e.rank, 3);
  EXPECT_EQ(e.size, 4);
  EXPECT_EQ(e.local_size, 2);
  EXPECT_EQ(e.job, "17");
}

TEST(LaunchEnvironment, ATaskOfSrunIsARank) {
  const LaunchEnvironment e = LaunchEnvironment::read({{"SLURM_STEP_ID", "0"},
                                                       {"SLURM_PROCID", "2"},
                                                       {"SLURM_STEP_NUM_TASKS", "4"},
                                                       {"SLURM_STEP_TASKS_PER_NODE", "2(x2)"}});
  EXPECT_EQ(e.launcher, "srun");
  EXPECT_EQ(e.rank, 2);
  EXPECT_EQ(e.size, 4);
  EXPECT_EQ(e.local_size, 2);
}

TEST(LaunchEnvironment, ARankTakesTheGpuOfItsNumberUnlessItSeesOnlyItsOwn) {
  std::map<std::string, std::string> variables = {
      {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_LOCALID", "3"}};
  EXPECT_EQ(LaunchEnvironment::read(variables).gpu(4), 3);
  for (const char* gpus : {"1", "a100:1", "gpu:a100:1"}) {
    variables["SLURM_GPUS_PER_TASK"] = gpus;
    EXPECT_EQ(LaunchEnvironment::read(variables).gpu(1), 0) << gpus;
    EXPECT_EQ(LaunchEnvironment::read(variables).gpu(4), 3) << gpus << ", --gpu-bind=none";
  }
}

TEST(CommOptions, WhatRanksWithGpusDoNotKnowIsRefusedThere) {
  EXPECT_NO_THROW(CommOptions{}.check_for_gpus());
  expect_error(ErrorKind::kConfig, {"comm.ordered"},
               [] { CommOptions{.ordered = true}.check_for_gpus(); });
  expect_error(ErrorKind::kConfig, {"comm.check"},
               [] { CommOptions{.check = true}.check_for_gpus(); });
}

TEST(LaunchEnvironment, TheShellOfABatchScriptIsNoTask) {
  const LaunchEnvironment e = LaunchEnvironment::read(
      {{"SLURM_JOB_ID", "17"}, {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}});
  EXPECT_EQ(e.launcher, "");
  EXPECT_EQ(e.size, 1);
}

TEST(CheckWorld, NamesTheOptionOfTheLauncherThatIsMissing) {
  expect_error(ErrorKind::kConfig, {"4 ranks", "--mpi=pmix"},
               [] { check_world({.launcher = "srun", .size = 4}, 1, 0); });
  expect_error(ErrorKind::kConfig, {"2 ranks", "mpirun of the Open MPI"},
               [] { check_world({.launcher = "mpirun", .size = 2}, 1, 0); });
  expect_error(ErrorKind::kConfig, {"comm.ranks", "mpirun -n 3", "--ntasks=3"},
               [] { check_world({}, 1, 3); });
  EXPECT_NO_THROW(check_world({.launcher = "srun", .size = 4}, 4, 4));
  EXPECT_NO_THROW(check_world({}, 1, 0));
}

constexpr double kNow = 1000, kDeadline = 60, kSilence = 3;

RankPulse pulse(int rank, double seconds_ago, Activity activity) {
  return {.rank = rank,
          .pid = 40 + rank,
          .host = "node",
          .pulse = kNow - seconds_ago,
          .activity = std::move(activity)};
}

const Activity kWaits{.step = 7,
                      .phase = "step",
                      .collective = 90,
                      .operation = "all_reduce of sum",
                      .since = kNow - 61};

TEST(LateRanks, ASilentOneIsNamedWithItsPlaceAndWhatTheOthersWaitFor) {
  Activity stopped = kWaits;
  stopped.collective = 89;
  stopped.operation = "";
  const std::string text = describe_late_ranks(
      {pulse(0, 1, kWaits), pulse(1, 61, stopped), pulse(2, 1, kWaits)}, kNow, kDeadline, kSilence);
  EXPECT_NE(text.find("rank 1 (pid 41 on node) has given no sign of life for 61 s"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("computing after collective 89"), std::string::npos) << text;
  EXPECT_NE(text.find("waiting: rank 0, 2: after step 7, step, in all_reduce of sum"),
            std::string::npos)
      << text;
}

TEST(LateRanks, OneThatLivesButComputesIsLateToo) {
  Activity computes = kWaits;
  computes.operation = "";
  computes.since = kNow - 75;
  const std::string text =
      describe_late_ranks({pulse(0, 1, kWaits), pulse(1, 1, computes)}, kNow, kDeadline, kSilence);
  EXPECT_NE(
      text.find("rank 1 (pid 41 on node) is alive but has not reached the collective for 75 s"),
      std::string::npos)
      << text;
}

TEST(LateRanks, OneThatAdvancesIsWaitedForAndNoOther) {
  Activity computes = kWaits;
  computes.operation = "";
  computes.since = kNow - kDeadline / 2;
  const auto advances = [&](double pulse_age, const Activity& activity) {
    return some_rank_advances({pulse(0, 1, kWaits), pulse(1, pulse_age, activity)}, kNow, kDeadline,
                              kSilence);
  };
  EXPECT_TRUE(advances(1, computes));
  EXPECT_FALSE(advances(2 * kSilence, computes)) << "stopped since";
  computes.since = kNow - 2 * kDeadline;
  EXPECT_FALSE(advances(1, computes)) << "stuck in one piece of work";
  EXPECT_FALSE(advances(1, kWaits));
}

TEST(LateRanks, AnAdvanceCountsWhileComputingOnly) {
  Heartbeat heartbeat;
  heartbeat.advance();
  EXPECT_GT(heartbeat.read().since, 0);
  heartbeat.enter("all_reduce", "sum");
  const double since = heartbeat.read().since;
  heartbeat.advance();
  EXPECT_EQ(heartbeat.read().since, since);
}

TEST(LateRanks, OneThatNeverWroteGaveNoSign) {
  const std::string text =
      describe_late_ranks({pulse(0, 1, kWaits), {.rank = 1}}, kNow, kDeadline, kSilence);
  EXPECT_NE(text.find("rank 1 has given no sign of life"), std::string::npos) << text;
}

TEST(LateRanks, WhenAllWaitInOneCallNoneIsBlamed) {
  const std::string text =
      describe_late_ranks({pulse(0, 1, kWaits), pulse(1, 1, kWaits)}, kNow, kDeadline, kSilence);
  EXPECT_NE(text.find("no rank is late"), std::string::npos) << text;
}

}  // namespace
}  // namespace semiseg
