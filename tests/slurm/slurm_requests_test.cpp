// SPDX-License-Identifier: Apache-2.0
// Requests to a real Slurm: arrays with a throttle, GPUs by count, a controller that does not
// answer, and requests that it refuses.
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <string>

#include "cluster/launcher.h"
#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "framework/record/run/run_state.h"
#include "tests/slurm/slurm_bed.h"
#include "tests/support/places.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;
using cluster::Task;
using cluster::TaskState;

class SlurmRequests : public SlurmBed {
 protected:
  static std::unique_ptr<cluster::Launcher> launcher(const std::string& more = "") {
    return cluster::make_launcher(parse_config("[cluster]\nlauncher = 'slurm'\n" + more));
  }
  // `semiseg info` is the shortest of all runs.
  static Task task(int64_t index, const std::string& what) {
    return {.index = index, .name = "task", .arguments = {"info", what}};
  }
  static Task training(int64_t index, const std::string& run) {
    const fs::path folder = folder_ / run;
    return {.index = index,
            .name = "task",
            .folder = folder,
            .arguments = {"train", "protocol=smoke", "dataset.patients_train=6",
                          "dataset.patients_val=1", "dataset.patients_test=1", "dataset.slices=5",
                          "dataset.size=32", "dataset.root=" + (folder_ / "data").string(),
                          "labelled=2", "threads=1", "backbone.filters=[4,8,8,8,8]",
                          "method=supervised", "run.dir=" + folder.string()}};
  }
  static std::vector<TaskState> states(cluster::Launcher& launcher, const cluster::Launch& launch,
                                       const std::vector<int64_t>& indices) {
    std::vector<TaskState> result;
    for (const auto& status : launcher.query(launch, indices)) result.push_back(status.state);
    return result;
  }
};

// The array is larger than MaxArraySize = 4, and one of its tasks fails. A setup line holds the
// tasks until the test has looked.
TEST_F(SlurmRequests, AnArrayRunsAsManyTasksAsItMay) {
  const std::string gate = (folder_ / "gate").string();
  const auto slurm_launcher =
      launcher("program = '" + program_file().string() + "'\nsetup = [\"while [ ! -e " + gate +
               " ]; do sleep 0.1; done\"]\n");
  const std::vector<int64_t> indices = {0, 1, 2, 3, 5};
  std::vector<Task> tasks;
  for (const int64_t index : indices) tasks.push_back(task(index, index == 2 ? "nobody" : "bcp"));
  const auto launch = slurm_launcher->submit(tasks, folder_ / "jobs/array", {.at_once = 2});
  ASSERT_EQ(std::count(launch.handle.begin(), launch.handle.end(), ','), 1) << launch.handle;
  const std::string first = launch.handle.substr(0, launch.handle.find('+'));
  const auto reasons = [&] { return slurm({"squeue", "-h", "--array", "-j", first, "-o", "%r"}); };
  expect_soon("two tasks run and the throttle holds the others", [&] {
    return reasons().find("JobArrayTaskLimit") != std::string::npos &&
           states(*slurm_launcher, launch, {0, 1}) ==
               std::vector<TaskState>{TaskState::kRunning, TaskState::kRunning};
  });
  EXPECT_EQ(states(*slurm_launcher, launch, {2, 3}),
            (std::vector<TaskState>{TaskState::kPending, TaskState::kPending}));
  slurm_launcher->cancel(launch, {1});
  write_file(gate, "");
  expect_soon("all tasks end", [&] {
    return states(*slurm_launcher, launch, indices) ==
           std::vector<TaskState>{TaskState::kDone, TaskState::kCancelled, TaskState::kFailed,
                                  TaskState::kDone, TaskState::kDone};
  });
  EXPECT_NE(read_file(folder_ / "jobs/array" / (first + "_0.log")).find("bcp (method)"),
            std::string::npos);
}

// An array of two jobs with two tasks each. In the last one a run is stopped once and the other one is
// wrong, so the job is requeued and fails at the end. It has to name itself to be requeued alone:
// the last task of an array has the id of the whole array.
TEST_F(SlurmRequests, RunsThatShareAJobEndEachByItself) {
  const auto slurm_launcher =
      launcher("program = '" + program_file().string() +
               "'\ncpus_per_task = 2\nsetup = ['test -n \"$SLURM_RESTART_COUNT\" || export "
               "SEMISEG_FAULT=usr2:0:6']\n");
  const auto launch = slurm_launcher->submit(
      {task(1, "bcp"), task(4, "bcp"), task(7, "nobody"), training(9, "packed_run")},
      folder_ / "jobs/pack", {.pack = 2});
  EXPECT_EQ(launch.handle.find('+'), std::string::npos) << launch.handle;
  const std::string first = launch.handle + "_0", last = launch.handle + "_1";
  expect_restarts(last, "1");
  expect_state(last, "FAILED");
  expect_state(first, "COMPLETED");
  EXPECT_EQ(field(first, "Restarts"), "0");
  EXPECT_EQ(field(last, "ExitCode"), "2:0");
  EXPECT_EQ(job_file("pack", "restarts." + last), "1 0\n");
  EXPECT_EQ(read_run_state(folder_ / "packed_run").value().status, RunStatus::kDone);
  const std::string wrong = job_file("pack", "7.log");
  EXPECT_EQ(wrong.find("error: "), wrong.rfind("error: ")) << "it was started once: " << wrong;
  const auto told = slurm_launcher->query(launch, {4, 7});
  EXPECT_EQ(told[0].state, TaskState::kDone);
  EXPECT_EQ(told[1].state, TaskState::kFailed);
  EXPECT_TRUE(told[1].is_shared);
}

TEST_F(SlurmRequests, TheCostOfAStepIsMeasuredOnANodeBeforeTheRuns) {
  const std::string command = "sweep " + kSmall +
                              " method=supervised seed=0,1 run.root=none sweep.dir=budget "
                              "sweep.budget=0.001s cluster=slurm cluster.cpus_per_task=1";
  const ProgramResult first = run_program(command, folder_.string());
  EXPECT_EQ(first.exit_code, 0) << first.output;
  EXPECT_NE(first.output.find("give the same command again"), std::string::npos) << first.output;
  const std::string job = read_file(folder_ / "budget/costs/job");
  expect_state(job.substr(0, job.find('\n')), "COMPLETED");
  const ProgramResult next = run_program(command, folder_.string());
  EXPECT_EQ(next.exit_code, 2) << next.output;
  EXPECT_NE(next.output.find("too short to train"), std::string::npos) << next.output;
  EXPECT_EQ(next.output.find("submitted"), std::string::npos) << next.output;
}

TEST_F(SlurmRequests, GpusAreGivenByCount) {
  write_file(folder_ / "gpus.toml",
             "[cluster]\ncpus_per_task = 1\nsetup = ['srun --mpi=none printenv "
             "CUDA_VISIBLE_DEVICES', 'sleep 60']\n");
  const std::string gpus =
      "method=supervised device=cpu cluster.gpus_per_task=1 "
      "cluster.tasks_per_node=2 cluster.exclude=n1";
  const std::string site = "SEMISEG_SITE=" + (folder_ / "gpus.toml").string();
  const std::string first = submit("gpus", gpus, site);
  expect_state(first, "RUNNING");
  EXPECT_EQ(field(first, "TresPerNode"), "gres:gpu:2");
  // Both tasks see both GPUs of the node and take the one of their number there.
  expect_soon("the tasks print", [&] {
    return job_file("gpus", first + ".log").find("0,1\n0,1\n") != std::string::npos;
  });
  const std::string second = submit("more_gpus", gpus + " seed=1", site);
  expect_soon("the second job waits for GPUs",
              [&] { return field(second, "Reason") == "Resources"; });
  slurm({"scancel", first, second});
}

TEST_F(SlurmRequests, AControllerThatDoesNotAnswerGetsTheRunOnce) {
  const pid_t controller = std::stoi(read_file(bed_ / "run/slurmctld.pid"));
  ::kill(controller, SIGSTOP);
  RunningProgram program(
      arguments("patient", "method=supervised cluster=slurm '++cluster.options=[--hold]'"),
      folder_);
  expect_soon("the pause is said", [&] {
    const fs::path log = folder_ / "program.1.log";
    const std::string said = fs::exists(log) ? read_file(log) : "";
    return said.find("Slurm does not answer sbatch") != std::string::npos &&
           said.find("asking again in 1 s") != std::string::npos;
  });
  ::kill(controller, SIGCONT);
  const ProgramResult result = program.wait();
  EXPECT_EQ(result.exit_code, 0) << result.output;
  const std::string queue = slurm({"squeue", "-h", "-t", "pending,running", "-o", "%i %o"});
  EXPECT_EQ(std::regex_replace(queue, std::regex("^\\d+ .*/jobs/patient/job.1.sh\n$"), ""), "")
      << queue;
  slurm({"scancel", queue.substr(0, queue.find(' '))});
}

TEST_F(SlurmRequests, BadRequestsAreRefusedWithTheOptionThatIsWrong) {
  const auto expect = [](const std::string& more, const std::vector<std::string>& words) {
    const ProgramResult result = train("bad", "method=supervised cluster=slurm " + more);
    EXPECT_EQ(result.exit_code, 2) << result.output;
    for (const auto& word : words)
      EXPECT_NE(result.output.find(word), std::string::npos) << word << " not in " << result.output;
  };
  expect("cluster.partition=nope", {"cluster.partition = nope", "sinfo -s"});
  expect("cluster.nodes=3 cluster.cpus_per_task=1", {"cluster.nodes = 3"});
  expect("cluster.time=24h", {"cluster.time = 24h", "saved and requeued by itself"});
  expect("cluster.gpus_per_task=9", {"cluster.gpus_per_task = 9", "%G"});
  expect("cluster.mem=900G", {"cluster.mem = 900G"});
  expect("cluster.time=1m", {"cluster.time", "too short to train and save"});
  expect(R"("cluster.name='a \"b\" \$(touch x)'")", {"cluster.name", "quotation marks"});
  expect("cluster.tasks_per_node=2 comm.ranks=3", {"comm.ranks", "1 × 2"});
  expect("cluster.nods=2", {"cluster.nods", "cluster.nodes"});
  expect("sweep.at_once=2", {"semiseg sweep"});
  const ProgramResult pack =
      run_program("sweep " + kSmall +
                      " method=supervised cluster=slurm sweep.pack=2 seed=0,1 "
                      "cluster.tasks_per_node=2 run.root=none sweep.dir=bad_pack",
                  folder_.string());
  EXPECT_EQ(pack.exit_code, 2) << pack.output;
  EXPECT_NE(pack.output.find("runs that share a job have one rank each"), std::string::npos)
      << pack.output;
  expect("'run.dir=bad_${now:%H}'", {"depends on the time", "${now:"});
  expect("method=nope", {"nope"});
  EXPECT_EQ(slurm({"squeue", "-h", "-t", "pending,running"}), "");
  EXPECT_FALSE(fs::exists(folder_ / "bad"));
}

TEST_F(SlurmRequests, ADiskOfOneMachineIsWarnedAbout) {
  const ProgramResult result = train(
      "/dev/shm/semiseg_slurm/run", "method=supervised cluster=slurm '++cluster.options=[--hold]'");
  EXPECT_NE(result.output.find("/dev/shm/semiseg_slurm/jobs/run lies on a disk of this machine"),
            std::string::npos)
      << result.output;
  slurm({"scancel", "--me"});
  fs::remove_all("/dev/shm/semiseg_slurm");
}

}  // namespace
}  // namespace semiseg
