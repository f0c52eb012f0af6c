// SPDX-License-Identifier: Apache-2.0
// The script of jobs that several tasks share: its text, and bash running it over a requeue, with a
// stand-in for Slurm's own command.
#include <gtest/gtest.h>

#include "cluster/command.h"
#include "cluster/slurm/job_script.h"
#include "framework/core/files.h"
#include "tests/support/temporary_folder.h"

namespace semiseg::cluster {
namespace {
namespace fs = std::filesystem;

JobScript packed_job(const fs::path& folder) {
  JobScript job{.name = "sweep",
                .program = "/bin/sh",
                .folder = folder,
                .working = folder,
                .is_array = true,
                .at_once = 2,
                .pack = 2};
  job.resources.cpus_per_task = 8;
  job.resources.gpus_per_task = 2;
  return job;
}

TEST(PackScript, NamesTheTasksOfEachJob) {
  JobScript job = packed_job("/data/sweep");
  job.jobs = jobs_of({{.index = 9, .arguments = {"train", "seed=9"}},
                      {.index = 0, .arguments = {"train", "seed=0"}},
                      {.index = 4, .arguments = {"train", "seed=4"}}},
                     job.pack);
  const std::string text = job_script(job);
  EXPECT_NE(text.find("#SBATCH --array=0-1%2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("#SBATCH --gpus-per-node=2\n"), std::string::npos);
  EXPECT_NE(text.find("#SBATCH --signal=B:USR1@120\n"), std::string::npos);
  EXPECT_NE(text.find(R"(case $SLURM_ARRAY_TASK_ID in
  0) tasks=(0 4) ;;
  1) tasks=(9) ;;
esac
arguments_of() {
  case $1 in
    0) arguments=(train seed=0) ;;
    4) arguments=(train seed=4) ;;
    9) arguments=(train seed=9) ;;
  esac
}
task=${tasks[*]}
)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("export OMP_NUM_THREADS=4\n"), std::string::npos) << "of eight cores";
  EXPECT_NE(text.find("    exec /bin/sh \"${arguments[@]}\" >>\"$folder/$task.log\" 2>&1\n"),
            std::string::npos);
}

// Writes the requeue down and ends the job, as Slurm does.
const char* const kFakeScontrol =
    "#!/bin/bash\n[ \"$1\" != requeue ] || { echo \"$2\" >>\"$0.requeued\"; kill -KILL $PPID; }\n";

// Four tasks share a job: one is done, one fails, one stops at first and one is killed at first.
TEST(PackScript, APackResumesWhatHasNotEnded) {
  const TemporaryFolder folder;
  const std::string told = "echo $CUDA_VISIBLE_DEVICES $OMP_NUM_THREADS; ";
  const std::string at_first = "[ $(wc -l <" + folder.path().string() + "/";
  JobScript job = packed_job(folder.path());
  job.is_array = false;
  job.pack = 4;
  job.jobs = jobs_of(
      {{.index = 3, .arguments = {"-c", told}},
       {.index = 5, .arguments = {"-c", told + "exit 3"}},
       {.index = 6, .arguments = {"-c", told + at_first + "6.log) = 2 ] || exit 5"}},
       {.index = 8, .arguments = {"-c", told + at_first + "8.log) = 2 ] || kill -KILL $$"}}},
      job.pack);
  write_file(folder / "scontrol", kFakeScontrol);
  fs::permissions(folder / "scontrol", fs::perms::owner_all);
  write_file(folder / "job.sh", job_script(job));
  const auto start = [&](const std::string& restarts) {
    return run_command({"env", "PATH=" + folder.path().string() + ":/usr/bin:/bin",
                        "CUDA_VISIBLE_DEVICES=2,7", "SLURM_JOB_ID=1", "SLURM_JOB_NODELIST=n1",
                        "SLURM_RESTART_COUNT=" + restarts, "bash", folder / "job.sh"},
                       20);
  };
  const CommandResult first = start("0");
  EXPECT_EQ(first.exit_code, 128 + 9) << first.errors;
  EXPECT_EQ(read_file(folder / "scontrol.requeued"), "1\n");
  EXPECT_EQ(read_file(folder / "restarts.1"), "1 0\n");
  EXPECT_FALSE(fs::exists(folder / "ended.1.6"));
  const CommandResult second = start("1");
  EXPECT_EQ(second.exit_code, 3) << "the failure counts at the end: " << second.errors;
  EXPECT_EQ(read_file(folder / "ended.1.5"), "3\n");
  EXPECT_EQ(read_file(folder / "scontrol.requeued"), "1\n");
  EXPECT_EQ(read_file(folder / "3.log"), "2 2\n") << "a done task starts once, with its GPU";
  EXPECT_EQ(read_file(folder / "5.log"), "7 2\n");
  EXPECT_EQ(read_file(folder / "6.log"), "2 2\n2 2\n");
  EXPECT_EQ(read_file(folder / "8.log"), "7 2\n7 2\n");
}

}  // namespace
}  // namespace semiseg::cluster
