// SPDX-License-Identifier: Apache-2.0
#include "cluster/submit_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cluster/launcher.h"
#include "cluster/resources.h"
#include "framework/comm/comm_options.h"
#include "framework/comm/launch_environment.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/core/process.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/run_state.h"
#include "framework/run/places.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

void check_started_alone() {
  const LaunchEnvironment launched = LaunchEnvironment::read(environment());
  if (launched.size == 1) return;
  throw Error(ErrorKind::kConfig, {.what = "a run is submitted by one process",
                                   .expected = "semiseg train … without " + launched.launcher,
                                   .got = fmt::format("{} processes", launched.size),
                                   .fix = "cluster.nodes and cluster.tasks_per_node start ranks"});
}

void check_ranks(const Config& run, const Resources& resources) {
  const int64_t wanted = CommOptions::read(run.section("comm")).ranks;
  if (wanted == 0 || wanted == resources.tasks()) return;
  run.section("comm").fail("ranks", "the job starts another number of ranks than the run must have",
                           fmt::format("cluster.nodes × cluster.tasks_per_node = {} × {}",
                                       resources.nodes, resources.tasks_per_node),
                           "change one of them, or leave comm.ranks out");
}

// A requeued job composes its configuration again and has to find its run.
void check_is_same_later(ComposeRequest request, const Config& run) {
  constexpr int64_t kLater = 100'012'345;  // seconds; every part of date and time differs then
  request.now += kLater;
  if (compose(request).hash() == run.hash()) return;
  throw Error(ErrorKind::kConfig,
              {.what = "the configuration depends on the time, so a requeued job would be another "
                       "run",
               .expected = "a run that is the same whenever its job starts",
               .fix = "write the value instead of ${now:…}"});
}

bool is_done(const Config& run, const RunFolderRequest& request) {
  const auto folder = find_run_folder(run, request);
  if (!folder) return false;
  const auto state = read_run_state(*folder);
  if (!state || state->status != RunStatus::kDone) return false;
  log::info("already done: {}", folder->string());
  return true;
}

// The folder of scripts, logs and counts of this run's jobs. Those of a named run folder lie beside
// it, because a run folder has to be empty before its run starts.
fs::path job_folder(const Config& run, const RunFolderRequest& request) {
  const fs::path root =
      request.directory.empty() ? request.root : fs::absolute(request.directory).parent_path();
  const std::string name = request.directory.empty()
                               ? fmt::format("{}-{}-{}", request.method, request.dataset,
                                             fmt::format("{:016x}", run.identity()).substr(0, 6))
                               : request.directory.filename().string();
  return fs::absolute(root / "jobs" / name).lexically_normal();
}

// True when the job that was submitted last is still there.
bool is_under_way(Launcher& launcher, const fs::path& record) {
  if (!fs::exists(record)) return false;
  const std::string handle = read_file(record);
  const auto status = launcher.query({.handle = handle.substr(0, handle.find('\n'))}, {0}).front();
  if (status.state != TaskState::kPending && status.state != TaskState::kRunning) return false;
  log::info("submitted before: {}; its script and log: {}", status.detail,
            record.parent_path().string());
  return true;
}

// The arguments of the job's own `semiseg train`, which trains where it is started.
std::vector<std::string> arguments_of_run(const std::vector<std::string>& arguments,
                                          const std::vector<std::string>& of_launch) {
  std::vector<std::string> result = {"train"};
  for (const std::string& argument : arguments) {
    if (std::find(of_launch.begin(), of_launch.end(), argument) == of_launch.end())
      result.push_back(argument);
  }
  return result;
}

void check_no_sweep(const std::vector<std::string>& overrides) {
  for (const std::string& text : overrides) {
    if (!text.substr(std::min(text.find_first_not_of("+~"), text.size())).starts_with("sweep."))
      continue;
    throw Error(ErrorKind::kConfig, {.what = "semiseg train is one run and has no sweep",
                                     .where = "command line: " + text,
                                     .fix = "semiseg sweep starts several runs"});
  }
}

}  // namespace

bool is_for_batch_system(const SplitRequest& request) {
  check_no_sweep(request.launch.overrides);
  // Inside the job the command says nothing of a cluster, whatever launch.toml says.
  return !request.launch.overrides.empty() && !launcher_entry(compose(request.launch)).is_here;
}

int submit_run(const SplitRequest& request, const std::vector<std::string>& arguments) {
  check_started_alone();
  const Config launch = compose(request.launch);
  const auto launcher = make_launcher(launch);
  const auto resources = read_resources(launch.section("cluster"), environment());
  const ComposeRequest placed = with_whole_places(request.run);
  const Config run = compose(placed);
  check_is_same_later(placed, run);
  const RunFolderRequest folder = folder_request(run);
  check_ranks(run, resources);
  run.check_all_read();
  if (is_done(run, folder)) return 0;
  const fs::path jobs = job_folder(run, folder);
  const fs::path record = jobs / "job";
  if (is_under_way(*launcher, record)) return 0;
  const auto submitted =
      launcher->submit({{.name = folder.method + "-" + folder.dataset,
                         .folder = folder.directory,
                         .arguments = arguments_of_run(arguments, request.launch.overrides)}},
                       jobs, /*sharing=*/{});
  write_file(record, submitted.handle + "\n");
  return 0;
}

}  // namespace semiseg::cluster
