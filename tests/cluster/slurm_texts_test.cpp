// SPDX-License-Identifier: Apache-2.0
// The texts of Slurm's clients, as they were printed by 22.05, and clients that are not answered.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cluster/command.h"
#include "cluster/shared_folder.h"
#include "cluster/slurm/array_handle.h"
#include "cluster/slurm/job_states.h"
#include "cluster/slurm/refusal.h"
#include "cluster/slurm/slurm_call.h"
#include "framework/core/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg::cluster {
namespace {
namespace fs = std::filesystem;

TEST(JobStates, OfSqueue) {
  const JobStates states = parse_squeue(
      "18|COMPLETED|0|None|n1|0|\n"
      "19_0|FAILED|1280|NonZeroExitCode|n1|2|\n"
      "19_1|FAILED|256|NonZeroExitCode|n[1-2]|0|\n"
      "20|PENDING|0|BeginTime||1|\n"
      "21|CANCELLED|15|None|n1|0|\n"
      "22|TIMEOUT|9|TimeLimit|n1|0|\n"
      "slurm_load_jobs error: Invalid job id specified\n");
  EXPECT_EQ(states.size(), 6U);
  EXPECT_EQ(states.at("18").state, TaskState::kDone);
  EXPECT_EQ(states.at("19_0").state, TaskState::kStopped);
  EXPECT_EQ(states.at("19_0").detail, "job 19_0 FAILED, exit code 5 on n1, restarted 2 times");
  EXPECT_EQ(states.at("19_1").state, TaskState::kFailed);
  EXPECT_EQ(states.at("20").state, TaskState::kPending);
  EXPECT_EQ(states.at("20").detail, "job 20 PENDING, BeginTime, restarted 1 times");
  EXPECT_EQ(states.at("21").state, TaskState::kCancelled);
  EXPECT_EQ(states.at("22").state, TaskState::kTimedOut);
}

TEST(JobStates, OfSacct) {
  const JobStates states = parse_sacct(
      "18|COMPLETED|0:0|n1\n"
      "18.batch|COMPLETED|0:0|n1\n"
      "19_3|CANCELLED by 1000|0:15|n2\n"
      "20|PREEMPTED|0:9|n2\n"
      "21|OUT_OF_MEMORY|0:125|n2\n"
      "22|NODE_FAIL|1:0|n[1-2]\n");
  EXPECT_EQ(states.size(), 5U);
  EXPECT_EQ(states.at("18").state, TaskState::kDone);
  EXPECT_EQ(states.at("19_3").state, TaskState::kCancelled);
  EXPECT_EQ(states.at("20").state, TaskState::kPreempted);
  EXPECT_EQ(states.at("21").state, TaskState::kFailed);
  EXPECT_EQ(states.at("21").detail, "job 21 OUT_OF_MEMORY on n2");
  EXPECT_EQ(states.at("22").state, TaskState::kFailed);
}

TEST(ArrayHandle, NamesTheJobOfEachTask) {
  EXPECT_EQ(handle_of({{"18", 0}}), "18");
  const std::string handle = handle_of({{"18", 0}, {"19", 1001}});
  EXPECT_EQ(handle, "18+0,19+1001");
  const auto arrays = arrays_of(handle);
  EXPECT_EQ(name_in(array_with(arrays, 1000), 1000), "18_1000");
  EXPECT_EQ(name_in(array_with(arrays, 1001), 1001), "19_0");
  EXPECT_EQ(job_ids(arrays), "18,19");
  EXPECT_EQ(name_in(array_with(arrays_of("18"), 7), 7), "18_7");
}

TEST(Refusal, NamesTheOptionAndAWayToTheRightValue) {
  Resources r;
  r.partition = "nope";
  r.account = "nobody";
  r.nodes = 3;
  const auto expect = [&](const std::string& said, const std::vector<std::string>& words) {
    expect_error(ErrorKind::kConfig, words, [&] { throw refusal(said, r); });
  };
  expect(
      "sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission "
      "failed: Invalid partition name specified\n",
      {"cluster.partition = nope", "invalid partition specified: nope; Batch", "sinfo"});
  expect(
      "sbatch: error: Batch job submission failed: Invalid account or account/partition "
      "combination specified\n",
      {"cluster.account = nobody", "sacctmgr"});
  expect("sbatch: error: Batch job submission failed: Node count specification invalid\n",
         {"cluster.nodes = 3"});
  expect("sbatch: error: something new\n", {"refuses the job", "something new", "[cluster]"});
}

// A client that fails `failures` times as a client without its controller does, then prints "ok".
fs::path flaky_client(const TemporaryFolder& folder, int failures) {
  const fs::path client = folder / "client";
  write_file(client, "#!/bin/sh\necho x >>" + (folder / "calls").string() + "\n[ $(wc -l <" +
                         (folder / "calls").string() + ") -gt " + std::to_string(failures) +
                         " ] && echo ok && exit\necho 'slurm_load_jobs error: Unable to contact "
                         "slurm controller (connect failure)' >&2\nexit 1\n");
  fs::permissions(client, fs::perms::owner_all);
  return client;
}

TEST(SlurmCall, AsksAgainWithGrowingPausesAndSaysSo) {
  const TemporaryFolder folder;
  std::vector<double> pauses;
  const SlurmCall call([&](double seconds) { pauses.push_back(seconds); });
  testing::internal::CaptureStderr();
  EXPECT_EQ(call.run({flaky_client(folder, 3)}).output, "ok\n");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(pauses, (std::vector<double>{1, 2, 4}));
  EXPECT_NE(said.find("Slurm does not answer"), std::string::npos) << said;
  EXPECT_NE(said.find("connect failure"), std::string::npos) << said;
  EXPECT_NE(said.find("asking again in 4 s"), std::string::npos) << said;
}

TEST(SlurmCall, EndsWithAnErrorThatIsNoStateOfAJob) {
  const TemporaryFolder folder;
  double waited = 0;
  const SlurmCall call([&](double seconds) { waited += seconds; }, /*patience=*/60);
  expect_error(ErrorKind::kIo, {"Slurm does not answer", "connect failure", "scontrol ping"},
               [&] { call.run({flaky_client(folder, 100)}); });
  EXPECT_GE(waited, 60);
}

TEST(SlurmCall, ALostAnswerIsNotAskedForTwice) {
  const TemporaryFolder folder;
  const SlurmCall call([](double) {});
  call.run({flaky_client(folder, 100)}, [] { return true; });
  EXPECT_EQ(read_file(folder / "calls"), "x\n");
}

TEST(SlurmCall, NoSlurmIsAConfigurationError) {
  expect_error(ErrorKind::kConfig, {"no Slurm on this machine", "login node", "cluster=local"},
               [] { SlurmCall().run({"sbatch-of-nowhere"}); });
}

TEST(Command, KeepsOutputErrorsAndCodeApart) {
  const CommandResult result = run_command({"sh", "-c", "echo out; echo err >&2; exit 7"}, 20);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_FALSE(result.timed_out);
}

TEST(Command, WordsPassThroughNoShell) {
  const std::string word = "a b $(exit 1) 'c' \"d\"\n*";
  EXPECT_EQ(run_command({"printf", "%s", word}, 20).output, word);
}

TEST(Command, IsKilledAfterItsTime) {
  const CommandResult result = run_command({"sleep", "60"}, 0.2);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 128 + 9);
}

TEST(SharedFolder, ADiskOfThisMachineIsNamed) {
  EXPECT_EQ(local_file_system("/dev/shm/semiseg/not/there"), "tmpfs");
  EXPECT_EQ(local_file_system("/proc"), "");
  testing::internal::CaptureStderr();
  warn_unless_shared("/dev/shm/semiseg");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("other nodes do not see it"),
            std::string::npos);
}

}  // namespace
}  // namespace semiseg::cluster
