// SPDX-License-Identifier: Apache-2.0
// Files that appear whole or not at all: temporary beside the target, fsync, rename. Faults can be
// injected.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace semiseg {

// Test hook: called before each system call with its name ("open", "write", "fsync", "rename") and
// path; a true return makes that call fail as a full disk does. Empty function: no faults. Threads
// that write call it at the same time, and one may be inside the old hook when this returns.
void set_file_fault(std::function<bool(std::string_view call, const std::filesystem::path&)> fault);

// Returns true when the hook makes this call fail. For writers that go through a library.
bool file_fault(std::string_view call, const std::filesystem::path& path);

// A file that is being written. Without commit() the temporary is removed and the target is as
// before.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // The path to write to, in the folder of the target.
  const std::filesystem::path& temporary() const { return temporary_; }
  // Calls fsync, renames the file over the target, and calls fsync on the folder. Throws kIo with
  // the reason on failure.
  void commit();

 private:
  std::filesystem::path target_, temporary_;
  bool committed_ = false;
};

// Writes the whole text to a file, atomically. Creates missing folders. Throws kIo on failure; the
// old file stays.
void write_file(const std::filesystem::path& path, std::string_view text);

// Returns the whole file as text. Throws kData with the path when it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace semiseg
