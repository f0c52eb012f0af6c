// SPDX-License-Identifier: Apache-2.0
#include "cluster/local/pool.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "cluster/local/process.h"
#include "cluster/local/task_lock.h"
#include "framework/core/error.h"
#include "framework/record/run/lock_file.h"
#include "framework/record/run/run_folder.h"
#include "framework/record/run/run_state.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

bool is_done(const fs::path& run) {
  const auto state = read_run_state(run);
  return state && state->status == RunStatus::kDone;
}

int64_t size_of(const fs::path& file) {
  std::error_code absent;
  const auto size = fs::file_size(file, absent);
  return absent ? 0 : static_cast<int64_t>(size);
}

}  // namespace

PoolShape PoolShape::of(const Sharing& sharing, int64_t cores, int64_t gpus) {
  constexpr int64_t kCoresOfARun = 4;
  const int64_t shares = gpus > 0 ? gpus : std::max<int64_t>(1, cores / kCoresOfARun);
  const int64_t at_once = sharing.at_once > 0 ? sharing.at_once : shares * sharing.pack;
  return {at_once, std::max<int64_t>(1, cores / at_once)};
}

Pool::Pool(const std::vector<Task>& tasks, fs::path folder, PoolOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {
  fs::create_directories(folder_);
  is_taken_.resize(static_cast<size_t>(options_.at_once));
  for (const Task& task : tasks) {
    Job& job = jobs_.emplace(task.index, Job{.task = task}).first->second;
    if (const auto worker = other_worker(job)) wait_for_other(job, *worker);
  }
}

// Returns who works on the run, if anybody does.
std::optional<std::string> Pool::other_worker(const Job& job) const {
  if (const auto pid = task_holder(folder_, job.task.index))
    return fmt::format("pid {}, of an earlier launcher", *pid);
  if (const auto holder = lock_holder(job.task.folder / kRunLockFile)) return describe(*holder);
  return std::nullopt;
}

void Pool::wait_for_other(Job& job, std::string worker) {
  job.stage = Stage::kElsewhere;
  job.state = TaskState::kRunning;
  job.detail = std::move(worker);
}

fs::path Pool::log_of(const Job& job) const {
  return folder_ / fmt::format("{}.log", job.task.index);
}

std::optional<size_t> Pool::free_place() const {
  const auto elsewhere = std::count_if(jobs_.begin(), jobs_.end(), [](const auto& entry) {
    return entry.second.stage == Stage::kElsewhere;
  });
  const auto free = std::count(is_taken_.begin(), is_taken_.end(), false);
  if (free <= elsewhere) return std::nullopt;
  return static_cast<size_t>(std::find(is_taken_.begin(), is_taken_.end(), false) -
                             is_taken_.begin());
}

void Pool::end(Job& job, TaskState state, std::string detail) {
  job.stage = Stage::kEnded;
  job.state = state;
  job.detail = std::move(detail);
}

void Pool::look_after(Job& job) {
  if (job.stage == Stage::kElsewhere && !other_worker(job)) {
    job.stage = Stage::kWaiting;
    job.state = TaskState::kPending;
    job.detail.clear();
  }
  int status = 0;
  if (job.stage != Stage::kRunning || ::waitpid(job.pid, &status, WNOHANG) != job.pid) return;
  is_taken_[job.place] = false;
  note_end(job, status);
}

void Pool::note_end(Job& job, int status) {
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == 0) return end(job, TaskState::kDone);
  if (job.is_cancelled) return end(job, TaskState::kCancelled, "stopped on request");
  if (code == exit_code(ErrorKind::kStopped))
    return end(job, TaskState::kStopped, "stopped and saved");
  // Another program took the run between the look at its lock and the start.
  if (const auto worker = other_worker(job)) return wait_for_other(job, *worker);
  end(job, TaskState::kFailed, failure_text(status, log_of(job), job.log_begin));
}

void Pool::start(Job& job, size_t place) {
  if (is_done(job.task.folder)) return end(job, TaskState::kDone);
  if (const auto worker = other_worker(job)) return wait_for_other(job, *worker);
  const auto lock = TaskLock::take(folder_, job.task.index);
  if (!lock) return wait_for_other(job, "another launcher");
  spawn(job, place, lock->file());
  lock->write_holder(job.pid);
}

void Pool::spawn(Job& job, size_t place, int lock_file) {
  std::map<std::string, std::string> variables;
  if (!std::getenv("OMP_NUM_THREADS"))
    variables["OMP_NUM_THREADS"] = std::to_string(options_.threads);
  if (!options_.gpus.empty())
    variables["CUDA_VISIBLE_DEVICES"] = options_.gpus[place % options_.gpus.size()];
  job.log_begin = size_of(log_of(job));
  job.pid = start_process(options_.program, {.words = job.task.arguments,
                                             .variables = variables,
                                             .log = log_of(job),
                                             .inherited = lock_file});
  job.stage = Stage::kRunning;
  job.state = TaskState::kRunning;
  job.detail = fmt::format("pid {}", job.pid);
  job.place = place;
  is_taken_[place] = true;
}

void Pool::work() {
  for (auto& [index, job] : jobs_) look_after(job);
  for (auto& [index, job] : jobs_) {
    if (job.stage != Stage::kWaiting) continue;
    const auto place = free_place();
    if (!place) return;
    start(job, *place);
  }
}

TaskStatus Pool::status(int64_t index) const {
  const Job& job = jobs_.at(index);
  return {index, job.state, job.detail};
}

void Pool::cancel(int64_t index) {
  Job& job = jobs_.at(index);
  job.is_cancelled = true;
  if (job.stage == Stage::kWaiting) return end(job, TaskState::kCancelled);
  if (job.stage == Stage::kRunning) return stop_process(job.pid);
  if (job.stage != Stage::kElsewhere) return;
  if (const auto pid = task_holder(folder_, index); pid && *pid > 0) stop_process(*pid);
  end(job, TaskState::kCancelled);
}

}  // namespace semiseg::cluster
