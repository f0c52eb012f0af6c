// SPDX-License-Identifier: Apache-2.0
// One process at a time works on a run folder. The kernel holds the lock and frees it when the
// holder dies; the file only names the holder.
#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include "framework/record/run/run_state.h"

namespace semiseg {

class LockFile {
 public:
  // Takes the lock and writes the holder's name. Throws kConfig naming the present holder when
  // there is one; throws kIo when the file cannot be opened or written. On a file system without
  // locks the name in the file is the lock, with a warning.
  LockFile(std::filesystem::path path, const RunHolder& holder);
  ~LockFile();
  LockFile(LockFile&& other) noexcept
      : path_(std::move(other.path_)),
        file_(std::exchange(other.file_, -1)),
        has_lock_(other.has_lock_) {}
  LockFile& operator=(LockFile&&) = delete;

 private:
  std::filesystem::path path_;
  int file_ = -1;
  bool has_lock_ = true;  // false: the file system has none
};

// Returns the present holder of the lock; nullopt when it is free or was never taken.
std::optional<RunHolder> lock_holder(const std::filesystem::path& path);

// Returns false when the file system has no locks and the file names a process of another machine,
// which may have died.
bool can_tell_holder(const std::filesystem::path& path);

}  // namespace semiseg
