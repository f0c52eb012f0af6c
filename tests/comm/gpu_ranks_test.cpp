// SPDX-License-Identifier: Apache-2.0
// The GPU that a rank takes, and the checks of the ranks' cores and GPUs.
#include "framework/comm/gpu_ranks.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include "framework/comm/binding.h"
#include "framework/comm/launch_environment.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

using Variables = std::map<std::string, std::string>;

Variables of_srun(Variables more, const char* tasks_of_node = "4") {
  more.insert({{"SLURM_STEP_ID", "0"},
               {"SLURM_STEP_NUM_TASKS", "8"},
               {"SLURM_STEP_TASKS_PER_NODE", std::string(tasks_of_node) + "(x2)"}});
  return more;
}

Variables of_mpirun(const char* local_rank, const char* local_size) {
  return {{"OMPI_COMM_WORLD_SIZE", "8"},
          {"OMPI_COMM_WORLD_LOCAL_RANK", local_rank},
          {"OMPI_COMM_WORLD_LOCAL_SIZE", local_size}};
}

struct Start {
  const char* how;
  Variables variables;
  int in_sight, index;
};

TEST(GpuIndex, EveryStartGivesARankItsGpu) {
  const std::vector<Start> starts = {
      {"srun --gpus-per-node=4 --gpu-bind=none", of_srun({{"SLURM_LOCALID", "3"}}), 4, 3},
      {"srun --gres=gpu:4 --gpu-bind=single:1", of_srun({{"SLURM_LOCALID", "1"}}), 1, 0},
      {"srun --tres-per-task=gres/gpu:1",
       of_srun({{"SLURM_LOCALID", "2"}, {"SLURM_TRES_PER_TASK", "gres/gpu:1"}}), 1, 0},
      {"srun --gpus-per-task=1", of_srun({{"SLURM_LOCALID", "3"}, {"SLURM_GPUS_PER_TASK", "1"}}), 1,
       0},
      {"srun --gpus-per-task=a100:1 --gpu-bind=none",
       of_srun({{"SLURM_LOCALID", "3"}, {"SLURM_GPUS_PER_TASK", "a100:1"}}), 4, 3},
      {"srun --gpus-per-task=2, two of its own", of_srun({{"SLURM_LOCALID", "1"}}, "2"), 2, 1},
      {"srun --gpu-bind=mask_gpu:3,3,12,12, task 2", of_srun({{"SLURM_LOCALID", "2"}}), 2, 0},
      {"srun --gpu-bind=mask_gpu:3,3,12,12, task 3", of_srun({{"SLURM_LOCALID", "3"}}), 2, 1},
      {"mpirun on a machine of 8", of_mpirun("5", "8"), 8, 5},
      {"mpirun, fewer ranks than GPUs", of_mpirun("1", "2"), 8, 1},
      {"mpirun sh -c 'CUDA_VISIBLE_DEVICES=$OMPI_COMM_WORLD_LOCAL_RANK exec semiseg …'",
       of_mpirun("5", "8"), 1, 0},
      {"mpirun with MIG: CUDA shows one instance", of_mpirun("1", "2"), 1, 0},
      {"one process", {}, 8, 0}};
  for (const Start& start : starts) {
    const LaunchEnvironment e = LaunchEnvironment::read(start.variables);
    EXPECT_EQ(gpu_index(start.in_sight, e.local_rank, e.local_size), start.index) << start.how;
  }
}

TEST(GpuIndex, WithoutAGpuItIsTheLocalRankWhichIsThenMissed) { EXPECT_EQ(gpu_index(0, 2, 4), 2); }

TEST(CheckDistinct, TwoRanksOfOneGpuAreBothNamed) {
  EXPECT_NO_THROW(check_distinct({{"a", "0000:3b:00.0"},
                                  {"a", "0000:5e:00.0"},
                                  {"b", "0000:3b:00.0"},
                                  {"b", "0000:5e:00.0"}}));
  expect_error(ErrorKind::kConfig, {"ranks 1 and 3 have the same GPU", "b, GPU 0000:3b:00.0"}, [] {
    check_distinct({{"a", "0000:3b:00.0"},
                    {"b", "0000:3b:00.0"},
                    {"b", "0000:5e:00.0"},
                    {"b", "0000:3b:00.0"}});
  });
}

TEST(NcclVariables, OrderOfLaunchesIsThatOfTheHostUnlessTheUserForbidsIt) {
  constexpr const char* kOrder = "NCCL_LAUNCH_ORDER_IMPLICIT";
  ::unsetenv(kOrder);
  set_nccl_variables();
  EXPECT_STREQ(std::getenv(kOrder), "1");
  ::setenv(kOrder, "0", 1);
  expect_error(ErrorKind::kConfig, {kOrder, "unset"}, [] { set_nccl_variables(); });
  ::unsetenv(kOrder);
}

std::vector<int> range(int first, int end) {
  std::vector<int> cores(static_cast<size_t>(end - first));
  std::iota(cores.begin(), cores.end(), first);
  return cores;
}

TEST(Binding, RanksWithFewCoresOfAMachineThatHasMoreGetTheOption) {
  const std::string alone = binding_advice({{"a", 64, {0}}, {"a", 64, {1}}}, "mpirun");
  EXPECT_NE(alone.find("rank 0 on a may use 1 of 64 cores"), std::string::npos) << alone;
  EXPECT_NE(alone.find("mpirun --bind-to none"), std::string::npos) << alone;
  const std::string together =
      binding_advice({{"a", 64, range(0, 8)}, {"b", 64, {5}}, {"b", 64, {5}}}, "srun");
  EXPECT_NE(together.find("ranks 1, 2 on b may use 1 of 64 cores together"), std::string::npos)
      << together;
  EXPECT_NE(together.find("srun --cpus-per-task=8"), std::string::npos) << together;
  // Sockets: 3 ranks, the first two on one of 2 × 4 cores.
  EXPECT_NE(binding_advice({{"a", 8, range(0, 3)}, {"a", 8, range(0, 3)}, {"a", 8, range(4, 8)}},
                           "mpirun"),
            "");
}

TEST(Binding, RanksWithTheirShareOfTheMachineGetNoAdvice) {
  EXPECT_EQ(binding_advice({{"a", 2, {0}}, {"a", 2, {1}}}, "mpirun"), "");
  EXPECT_EQ(binding_advice({{"a", 2, {0, 1}}, {"a", 2, {0, 1}}, {"a", 2, {0, 1}}}, "mpirun"), "");
  EXPECT_EQ(binding_advice({{"a", 64, range(0, 64)}, {"a", 64, range(0, 64)}}, "mpirun"), "");
  EXPECT_EQ(binding_advice({{"a", 64, range(0, 8)}, {"a", 64, range(8, 16)}}, "srun"), "");
}

TEST(Binding, TheCoresOfThisProcessAreWhatItSends) {
  const RankCores here = RankCores::of_this_process(), there = RankCores::parse(here.text());
  EXPECT_FALSE(here.cores.empty());
  EXPECT_LE(std::ssize(here.cores), here.machine);
  EXPECT_EQ(there.host, here.host);
  EXPECT_EQ(there.machine, here.machine);
  EXPECT_EQ(there.cores, here.cores);
}

}  // namespace
}  // namespace semiseg
