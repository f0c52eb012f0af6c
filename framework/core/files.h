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

// True when the hook wants this call to fail. For writers that go through a library.
bool file_fault(std::string_view call, const std::filesystem::path& path);

// A file in the making. Without commit() the temporary is removed and the target is as before.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Where to write (same folder as the target).
  const std::filesystem::path& temporary() const { return temporary_; }
  // fsync, rename over the target, fsync of the folder. kIo with the reason on failure.
  void commit();

 private:
  std::filesystem::path target_, temporary_;
  bool committed_ = false;
};

// Whole text to a file, atomically. Creates missing folders. kIo on failure; the old file stays.
void write_file(const std::filesystem::path& path, std::string_view text);

// Whole file as text. kData with the path when it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace semiseg
