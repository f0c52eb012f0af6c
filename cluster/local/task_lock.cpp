// SPDX-License-Identifier: Apache-2.0
#include "cluster/local/task_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "framework/core/own_file.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

fs::path lock_path(const fs::path& folder, int64_t index) {
  return folder / fmt::format("{}.lock", index);
}

}  // namespace

std::optional<TaskLock> TaskLock::take(const fs::path& folder, int64_t index) {
  const int file = open_own_file(lock_path(folder, index), O_RDWR | O_CREAT);
  if (::flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return TaskLock(file);
  ::close(file);
  return std::nullopt;
}

TaskLock::~TaskLock() {
  if (file_ >= 0) ::close(file_);
}

TaskLock::TaskLock(TaskLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

void TaskLock::write_holder(pid_t pid) const {
  const std::string text = std::to_string(pid) + "\n";
  // Only cancel from another process reads it; the lock itself does not depend on it.
  [[maybe_unused]] const bool is_written =
      ::ftruncate(file_, 0) == 0 && ::pwrite(file_, text.data(), text.size(), 0) > 0;
}

std::optional<pid_t> task_holder(const fs::path& folder, int64_t index) {
  const fs::path path = lock_path(folder, index);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return std::nullopt;
  const bool is_held = ::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  std::array<char, 32> text{};
  const ssize_t size = is_held ? ::pread(file, text.data(), text.size() - 1, 0) : 0;
  ::close(file);
  if (!is_held) return std::nullopt;
  return size > 0 ? static_cast<pid_t>(std::atol(text.data())) : 0;
}

}  // namespace semiseg::cluster
