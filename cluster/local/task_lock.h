// SPDX-License-Identifier: Apache-2.0
// A lock that a task's process inherits and holds until it ends: whoever comes later, also after the
// launcher was killed, sees that the task runs, from before the task has opened its run folder.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

namespace semiseg::cluster {

class TaskLock {
 public:
  // Takes the lock of this task, if it is free. On a file system without locks it is always free:
  // there the lock of the run folder alone keeps a run from being started twice.
  static std::optional<TaskLock> take(const std::filesystem::path& folder, int64_t index);
  ~TaskLock();
  TaskLock(TaskLock&& other) noexcept;
  TaskLock& operator=(TaskLock&&) = delete;

  int file() const { return file_; }  // for the process to inherit
  void write_holder(pid_t pid) const;

 private:
  explicit TaskLock(int file) : file_(file) {}
  int file_;
};

// Returns the process that holds the lock of the task; nullopt: it is free. Zero: not known yet.
std::optional<pid_t> task_holder(const std::filesystem::path& folder, int64_t index);

}  // namespace semiseg::cluster
