// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/lock_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/core/own_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr size_t kLongestName = 4096;

[[noreturn]] void fail_io(const std::string& call, const fs::path& path, int code) {
  throw Error(ErrorKind::kIo,
              {.what = "cannot lock the run folder (" + call + ": " + std::strerror(code) + ")",
               .where = path.string(),
               .fix = "runs/ must lie on a file system that has locks and that you may write to"});
}

std::string holder_text(const RunHolder& holder) {
  const nlohmann::ordered_json json = {{"host", holder.host},
                                       {"user", holder.user},
                                       {"pid", holder.pid},
                                       {"job", holder.job},
                                       {"started", holder.started}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// A holder that died while it wrote its name leaves half of it: then the holder is "unknown".
RunHolder parse_holder(const std::string& text) {
  const auto json =
      text.size() < kLongestName ? nlohmann::json::parse(text, nullptr, false) : nlohmann::json();
  if (!json.is_object()) return {.host = "unknown", .user = "unknown", .started = "unknown"};
  return {.host = json.value("host", "unknown"),
          .user = json.value("user", "unknown"),
          .pid = json.value("pid", 0),
          .job = json.value("job", ""),
          .started = json.value("started", "unknown")};
}

// Takes a lock or not at once, as flock(2). A drill makes a file system without locks.
int try_lock(const fs::path& path, int file, int kind) {
  if (file_fault("flock", path)) return errno = ENOSYS, -1;
  return ::flock(file, kind | LOCK_NB);
}

// Some file systems (Lustre without -o flock, some FUSE and NFS) have no locks.
bool is_without_locks(int code) {
  return code == ENOSYS || code == ENOLCK || code == EOPNOTSUPP || code == EINVAL || code == EBADF;
}

// Returns the holder named in the file, for file systems without locks. A process of this machine
// is checked; whether one of another machine still lives is unknown.
std::optional<RunHolder> written_holder(const fs::path& path) {
  const std::string text = read_own_file(path);
  if (text.empty()) return std::nullopt;
  const RunHolder holder = parse_holder(text);
  const RunHolder here = this_process("", 0);
  const auto pid = static_cast<pid_t>(holder.pid);
  const bool is_here = holder.host == here.host && pid > 0;
  if (is_here && ::kill(pid, 0) != 0 && errno == ESRCH) return std::nullopt;
  return holder;
}

[[noreturn]] void fail_held(const fs::path& path, const RunHolder& holder, const std::string& fix) {
  throw Error(ErrorKind::kConfig, {.what = "another process works on this run",
                                   .where = path.parent_path().string(),
                                   .got = describe(holder),
                                   .fix = fix});
}

void check_written_holder(const fs::path& path) {
  const auto holder = written_holder(path);
  if (holder && holder->pid != ::getpid()) {
    fail_held(
        path, *holder,
        "wait for it or stop it; this file system has no locks, so that if it died on another "
        "machine, remove the file lock and start again");
  }
  log::warn(
      "the file system of {} has no locks: see to it that one process at a time works on "
      "the run",
      path.parent_path().string());
}

}  // namespace

LockFile::LockFile(fs::path path, const RunHolder& holder) : path_(std::move(path)) {
  const int file = open_own_file(path_, O_RDWR | O_CREAT);
  if (try_lock(path_, file, LOCK_EX) != 0) {
    const int code = errno;
    has_lock_ = !is_without_locks(code);
    const auto close = [](const int* open) { ::close(*open); };
    std::unique_ptr<const int, decltype(close)> closer(&file, close);
    if (code == EWOULDBLOCK) {
      fail_held(path_, parse_holder(read_own_file(path_)),
                "wait for it or stop it; another run.dir or seed is another run");
    }
    if (has_lock_) fail_io("flock", path_, code);
    check_written_holder(path_);
    closer.release();
  }
  const std::string text = holder_text(holder);
  if (::ftruncate(file, 0) != 0 ||
      ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const int code = errno;
    ::close(file);
    fail_io("write", path_, code);
  }
  file_ = file;
}

// The file stays: removing it would let two processes lock two files of the same name. Without
// locks an empty one means that no process works on the run.
LockFile::~LockFile() {
  if (file_ < 0) return;
  [[maybe_unused]] const int emptied = has_lock_ ? 0 : ::ftruncate(file_, 0);
  ::close(file_);
}

std::optional<RunHolder> lock_holder(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return std::nullopt;
  const bool is_free = try_lock(path, file, LOCK_SH) == 0;
  const int code = errno;
  ::close(file);
  if (is_free) return std::nullopt;
  return is_without_locks(code) ? written_holder(path) : parse_holder(read_own_file(path));
}

bool can_tell_holder(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return true;
  const bool has_locks = try_lock(path, file, LOCK_SH) == 0 || !is_without_locks(errno);
  ::close(file);
  const auto holder = has_locks ? std::nullopt : written_holder(path);
  return !holder || holder->host == this_process("", 0).host;
}

}  // namespace semiseg
