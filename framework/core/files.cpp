// SPDX-License-Identifier: Apache-2.0
#include "framework/core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>

#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/own_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using FaultHook = std::function<bool(std::string_view, const fs::path&)>;

// Threads take their own reference: a hook that waits blocks no other thread.
struct SharedHook {
  std::mutex mutex;
  std::shared_ptr<const FaultHook> hook;
};

SharedHook& shared_hook() {
  static SharedHook instance;
  return instance;
}

// Returns advice that fits the errno.
std::string remedy(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "free space and run the same command again";
    case EFBIG:
      return "raise the limit of a file's size (ulimit -f) and run the same command again";
    case ENAMETOOLONG:
      return "give a shorter name";
    case EACCES:
    case EPERM:
    case EROFS:
      return "write to another place, or get the permission to write here";
    default:
      return "see to the disk or the file system and run the same command again";
  }
}

constexpr const char* kUntouched = "; what was there before is untouched";
constexpr const char* kInPlace = "; the new file is in place, but may be lost in a power cut";

[[noreturn]] void fail_io(std::string_view call, const fs::path& path, int code,
                          const char* state = kUntouched) {
  throw Error(ErrorKind::kIo,
              {.what = fmt::format("cannot write the file ({}: {})", call, std::strerror(code)),
               .where = path.string(),
               .fix = remedy(code) + state});
}

// The result of a system call that is negative on failure; the hook comes first.
template <class Call>
int checked(std::string_view name, const fs::path& path, Call call) {
  if (file_fault(name, path)) fail_io(name, path, ENOSPC);
  const int result = call();
  if (result < 0) fail_io(name, path, errno);
  return result;
}

// Some file systems (CIFS, shared folders of virtual machines, FUSE) sync no folders, others no
// files.
bool is_unsupported(int code) {
  return code == EINVAL || code == ENOSYS || code == EOPNOTSUPP || code == ENOTTY || code == EROFS;
}

void warn_once(const fs::path& path, int code) {
  static std::once_flag said;
  std::call_once(said, [&] {
    log::warn("the file system of {} cannot sync this ({}): a power cut may lose the newest files",
              path.string(), std::strerror(code));
  });
}

void sync(const fs::path& path, int file, const char* state) {
  const int result = file_fault("fsync", path) ? (errno = ENOSPC, -1) : ::fsync(file);
  const int code = errno;
  ::close(file);
  if (result >= 0) return;
  if (!is_unsupported(code)) fail_io("fsync", path, code, state);
  warn_once(path, code);
}

// Syncs the entry of a renamed file. A folder that is writable may be unreadable.
void sync_folder(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file >= 0) return sync(folder, file, kInPlace);
  if (errno != EACCES) fail_io("open", folder, errno, kInPlace);
}

// Returns a name that cannot be guessed and is short enough beside any valid name.
fs::path temporary_name(const fs::path& target) {
  constexpr size_t kLongestStem = 200;
  std::string stem = target.filename();
  size_t length = std::min(stem.size(), kLongestStem);
  while (length < stem.size() && length > 0 && (stem[length] & 0xC0) == 0x80) --length;
  std::random_device source;
  const uint64_t number = uint64_t{source()} << 32 | source();
  const std::string name = fmt::format("{}.{:016x}.tmp", stem.substr(0, length), number);
  return target.parent_path() / name;
}

// A link under the target's name is replaced; a folder, a device or a pipe is not.
void check_target(const fs::path& target) {
  std::error_code absent;
  const fs::file_type type = fs::status(target, absent).type();
  if (type == fs::file_type::regular || type == fs::file_type::not_found ||
      type == fs::file_type::none || type == fs::file_type::unknown)
    return;
  throw Error(ErrorKind::kIo,
              {.what = "cannot write the file: something else has its name",
               .where = target.string(),
               .expected = "a new name, or that of a file",
               .got = type == fs::file_type::directory ? "a folder" : "a device, pipe or socket",
               .fix = "give another name"});
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
    : target_(std::move(target)), temporary_(temporary_name(target_)) {
  check_target(target_);
  if (target_.has_parent_path()) {
    std::error_code code;
    fs::create_directories(target_.parent_path(), code);
    if (code) fail_io("mkdir", target_.parent_path(), code.value());
  }
  // The file must be new: an existing link of this name is not followed.
  ::close(checked("open", target_, [&] {
    return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  }));
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
}

void AtomicFile::commit() {
  sync(target_,
       checked("open", target_,
               [&] { return ::open(temporary_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC); }),
       kUntouched);
  checked("rename", target_, [&] { return std::rename(temporary_.c_str(), target_.c_str()); });
  committed_ = true;
  sync_folder(target_.has_parent_path() ? target_.parent_path() : ".");
}

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  const int out = checked("open", path, [&] {
    return ::open(file.temporary().c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
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
  // The shell's <(command) is a pipe below /dev. A pipe or a device anywhere else is refused,
  // because reading it might never end.
  if (!path.string().starts_with("/dev/")) check_is_file(path);
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (fs::is_directory(path) || !file || !(text << file.rdbuf() || file.peek() == EOF)) {
    throw Error(ErrorKind::kData, {.what = "cannot read the file", .where = path.string()});
  }
  return text.str();
}

}  // namespace semiseg
