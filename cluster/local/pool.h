// SPDX-License-Identifier: Apache-2.0
// A few processes at a time on this machine. It has no thread: it works when it is asked.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/launcher.h"

namespace semiseg::cluster {

struct PoolShape {
  int64_t at_once = 1, threads = 1;  // tasks at a time; threads of each

  // Where at_once is 0, `pack` tasks share a GPU or, without GPUs, four cores.
  static PoolShape of(const Sharing& sharing, int64_t cores, int64_t gpus);
};

struct PoolOptions {
  std::filesystem::path program;
  int64_t at_once = 1;
  int64_t threads = 1;  // of each task, where the environment does not say (OMP_NUM_THREADS)
  // As CUDA_VISIBLE_DEVICES names them, in turn for the places; empty: there are none.
  std::vector<std::string> gpus;
};

class Pool {
 public:
  // `folder` takes the logs and locks. A task that another process works on, perhaps the child of a
  // launcher that was killed, takes a place until that ends; it is started then unless it is done.
  Pool(const std::vector<Task>& tasks, std::filesystem::path folder, PoolOptions options);

  // Notes which processes have ended and starts the next ones.
  void work();
  TaskStatus status(int64_t index) const;
  void cancel(int64_t index);

 private:
  enum class Stage { kWaiting, kElsewhere, kRunning, kEnded };
  struct Job {
    Task task;
    Stage stage = Stage::kWaiting;
    TaskState state = TaskState::kPending;
    std::string detail;
    pid_t pid = 0;
    size_t place = 0;
    int64_t log_begin = 0;
    bool is_cancelled = false;
  };

  std::optional<std::string> other_worker(const Job& job) const;
  void wait_for_other(Job& job, std::string worker);
  void end(Job& job, TaskState state, std::string detail = "");
  void look_after(Job& job);
  void note_end(Job& job, int status);
  void start(Job& job, size_t place);
  void spawn(Job& job, size_t place, int lock_file);
  std::optional<size_t> free_place() const;
  std::filesystem::path log_of(const Job& job) const;

  std::filesystem::path folder_;
  PoolOptions options_;
  std::map<int64_t, Job> jobs_;  // by index
  std::vector<bool> is_taken_;   // by place
};

}  // namespace semiseg::cluster
