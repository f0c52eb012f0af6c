// SPDX-License-Identifier: Apache-2.0
// Runs as child processes on this machine: a few at a time, threads divided, one GPU each.
#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>

#include "cluster/local/pool.h"
#include "cluster/local/process.h"
#include "cluster/local/task_lock.h"
#include "framework/config/option_list.h"
#include "framework/core/device.h"

namespace semiseg::cluster {
namespace {
namespace fs = std::filesystem;

struct Options {
  std::string program;

  static Options read(const Config& cluster) {
    Options o;
    cluster.read("program", o.program,
                 "Program that starts a run, with the arguments of semiseg; empty: this one. Set "
                 "it to a script of yours that ends with exec semiseg \"$@\", to bind cores or to "
                 "profile.",
                 Effect::kNone);
    return o;
  }
};

int64_t cores() {
  cpu_set_t mine;
  return ::sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1;
}

// The GPUs of this process as CUDA_VISIBLE_DEVICES names them.
std::vector<std::string> visible_gpus() {
  const int count = gpus_in_sight();
  std::vector<std::string> names;
  if (const char* given = std::getenv("CUDA_VISIBLE_DEVICES"); given && count > 0) {
    std::istringstream list(given);
    for (std::string name; std::getline(list, name, ',');) names.push_back(name);
  }
  for (int i = std::ssize(names); i < count; ++i) names.push_back(std::to_string(i));
  names.resize(static_cast<size_t>(count));
  return names;
}

class Local : public Launcher {
 public:
  explicit Local(Options options) : options_(std::move(options)) {}

  Launch submit(const std::vector<Task>& tasks, const fs::path& folder,
                const Sharing& sharing) override {
    PoolOptions pool{.gpus = visible_gpus()};
    pool.program = options_.program;
    if (pool.program.empty()) pool.program = fs::read_symlink("/proc/self/exe");
    const PoolShape shape = PoolShape::of(sharing, cores(), std::ssize(pool.gpus));
    pool.at_once = shape.at_once;
    pool.threads = shape.threads;
    pool_.emplace(tasks, folder, pool);
    return {.handle = folder.string()};
  }

  std::vector<TaskStatus> query(const Launch& launch,
                                const std::vector<int64_t>& indices) override {
    if (pool_) pool_->work();
    std::vector<TaskStatus> all;
    for (const int64_t index : indices)
      all.push_back(pool_ ? pool_->status(index) : seen_from_outside(launch, index));
    return all;
  }

  void cancel(const Launch& launch, const std::vector<int64_t>& indices) override {
    for (const int64_t index : indices) {
      if (pool_) {
        pool_->cancel(index);
      } else if (const auto pid = task_holder(launch.handle, index); pid && *pid > 0) {
        stop_process(*pid);
      }
    }
  }

 private:
  // The pool of another process, which may have ended: only running tasks are seen.
  static TaskStatus seen_from_outside(const Launch& launch, int64_t index) {
    const auto pid = task_holder(launch.handle, index);
    if (!pid) return {index, TaskState::kUnknown, ""};
    return {index, TaskState::kRunning, "pid " + std::to_string(*pid)};
  }

  Options options_;
  std::optional<Pool> pool_;
};

const bool registered = LauncherRegistry::instance().add(
    {.name = "local",
     .summary = "Runs are processes of this machine, one for each GPU or a few on its cores",
     .is_here = true,
     .read_options = read_and_forget<Options>,
     .make = [](const Config& cluster) {
       return std::make_unique<Local>(Options::read(cluster));
     }});

}  // namespace
}  // namespace semiseg::cluster
