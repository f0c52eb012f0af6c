// SPDX-License-Identifier: Apache-2.0
// Tests of the start of ranks that need none: the launcher's environment, devices and cores.
#include <gtest/gtest.h>

#include "framework/comm/comm_options.h"
#include "framework/comm/launch_environment.h"
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

// Slurm's list of tasks by node: "4(x2),1" is 4, 4, 1.
TEST(LaunchEnvironment, ANodeWithOtherTasksThanTheFirstKnowsItsOwn) {
  std::map<std::string, std::string> variables = {{"SLURM_STEP_ID", "0"},
                                                  {"SLURM_STEP_NUM_TASKS", "9"},
                                                  {"SLURM_STEP_TASKS_PER_NODE", "4(x2),1"}};
  for (const auto& [node, tasks] : {std::pair{"0", 4}, {"1", 4}, {"2", 1}}) {
    variables["SLURM_NODEID"] = node;
    EXPECT_EQ(LaunchEnvironment::read(variables).local_size, tasks) << node;
  }
}

struct ForeignStart {
  std::map<std::string, std::string> variables;
  std::string named, command;
};

TEST(CheckLauncher, ProcessesThatWouldEachThinkTheyAreAloneAreToldSo) {
  const std::vector<ForeignStart> starts = {
      {{{"RANK", "1"}, {"WORLD_SIZE", "4"}}, "torchrun", "mpirun -n 4"},
      {{{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}, "mpiexec of another MPI", "mpirun -n 2"},
      {{{"MV2_COMM_WORLD_RANK", "1"}, {"MV2_COMM_WORLD_SIZE", "2"}}, "MVAPICH", "mpirun -n 2"},
      // MPICH's mpiexec in a job: its proxies are tasks of srun, one a node.
      {{{"PMI_RANK", "1"},
        {"PMI_SIZE", "8"},
        {"SLURM_STEP_ID", "0"},
        {"SLURM_STEP_NUM_TASKS", "2"}},
       "mpiexec of another MPI",
       "--ntasks=8"}};
  for (const ForeignStart& start : starts) {
    expect_error(ErrorKind::kConfig, {start.named, start.command},
                 [&] { check_launcher(start.variables); });
    EXPECT_EQ(process_number(start.variables), start.variables.contains("SLURM_STEP_ID") ? 0 : 1)
        << start.named;
  }
}

TEST(CheckLauncher, TasksOfSrunWithoutPmixAreToldTheOption) {
  std::map<std::string, std::string> variables = {
      {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "2"}};
  expect_error(ErrorKind::kConfig, {"SLURM_STEP_NUM_TASKS=4", "srun --mpi=pmix", "env -u"},
               [&] { check_launcher(variables); });
  EXPECT_EQ(process_number(variables), 2);
  variables["PMIX_RANK"] = "2";
  EXPECT_NO_THROW(check_launcher(variables));
  variables.erase("PMIX_RANK");
  variables["PMI_RANK"] = "2";  // pmi2: some builds of Open MPI take it
  variables["PMI_SIZE"] = "4";
  EXPECT_NO_THROW(check_launcher(variables));
}

TEST(CheckLauncher, OneProcessAndThoseOfOpenMpiAreLeftAlone) {
  using Variables = std::map<std::string, std::string>;
  for (const Variables& variables :
       {Variables{}, Variables{{"WORLD_SIZE", "1"}, {"RANK", "0"}},
        Variables{{"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}},
        Variables{{"SLURM_JOB_ID", "17"}, {"SLURM_NTASKS", "4"}},
        Variables{
            {"OMPI_COMM_WORLD_SIZE", "2"}, {"OMPI_COMM_WORLD_RANK", "1"}, {"WORLD_SIZE", "8"}}})
    EXPECT_NO_THROW(check_launcher(variables));
}

}  // namespace
}  // namespace semiseg
