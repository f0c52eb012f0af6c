// SPDX-License-Identifier: Apache-2.0
#include "framework/core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>

#include "framework/core/error.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using FaultHook = std::function<bool(std::string_view, const fs::path&)>;

// Threads take their own reference: a hook that waits holds nobody else up.
struct SharedHook {
  std::mutex mutex;
  std::shared_ptr<const FaultHook> hook;
};

SharedHook& shared_hook() {
  static SharedHook instance;
  return instance;
}

[[noreturn]] void fail_io(std::string_view call, const fs::path& path, int code) {
  throw Error(ErrorKind::kIo,
              {.what = fmt::format("cannot write the file ({}: {})", call, std::strerror(code)),
               .where = path.string(),
               .fix = "free space or fix permissions and run the same command again; "
                      "the previous file is untouched"});
}

// The result of a system call that is negative on failure; the hook comes first.
template <class Call>
int checked(std::string_view name, const fs::path& path, Call call) {
  if (file_fault(name, path)) fail_io(name, path, ENOSPC);
  const int result = call();
  if (result < 0) fail_io(name, path, errno);
  return result;
}

void sync(const fs::path& path, int flags) {
  const int file = checked("open", path, [&] { return ::open(path.c_str(), flags); });
  const int result = file_fault("fsync", path) ? (errno = ENOSPC, -1) : ::fsync(file);
  const int code = errno;
  ::close(file);
  if (result < 0) fail_io("fsync", path, code);
}

}  // namespace

void set_file_fault(std::function<bool(std::string_view, const fs::path&)> fault) {
  auto hook = fault ? std::make_shared<const FaultHook>(std::move(fault)) : nullptr;
  const std::lock_guard lock(shared_hook().mutex);
  shared_hook().hook = std::move(hook);
}

bool file_fault(std::string_view call, const fs::path& path) {
  std::unique_lock lock(shared_hook().mutex);
  const auto hook = shared_hook().hook;
  lock.unlock();
  return hook && (*hook)(call, path);
}

AtomicFile::AtomicFile(fs::path target)
    : target_(std::move(target)),
      temporary_(target_.string() + fmt::format(".{}.tmp", ::getpid())) {
  if (target_.has_parent_path()) {
    std::error_code code;
    fs::create_directories(target_.parent_path(), code);
    if (code) fail_io("mkdir", target_.parent_path(), code.value());
  }
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
}

void AtomicFile::commit() {
  sync(temporary_, O_RDONLY);
  checked("rename", target_, [&] { return std::rename(temporary_.c_str(), target_.c_str()); });
  committed_ = true;
  sync(target_.has_parent_path() ? target_.parent_path() : ".", O_RDONLY | O_DIRECTORY);
}

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  const int out = checked("open", path, [&] {
    return ::open(file.temporary().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  });
  ssize_t written = 0;
  for (size_t done = 0; done < text.size() && written >= 0; done += static_cast<size_t>(written)) {
    written = file_fault("write", path) ? (errno = ENOSPC, -1)
                                        : ::write(out, text.data() + done, text.size() - done);
  }
  const int code = errno;
  ::close(out);
  if (written < 0) fail_io("write", path, code);
  file.commit();
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (fs::is_directory(path) || !file || !(text << file.rdbuf() || file.peek() == EOF)) {
    throw Error(ErrorKind::kData, {.what = "cannot read the file", .where = path.string()});
  }
  return text.str();
}

}  // namespace semiseg
