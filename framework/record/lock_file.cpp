// SPDX-License-Identifier: Apache-2.0
#include "framework/record/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
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
  return json.dump() + "\n";
}

// A holder that died while it wrote its name leaves half of it: then nothing is known but that
// somebody holds it.
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

}  // namespace

LockFile::LockFile(fs::path path, const RunHolder& holder) : path_(std::move(path)) {
  const int file = open_own_file(path_, O_RDWR | O_CREAT);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    ::close(file);
    if (code != EWOULDBLOCK) fail_io("flock", path_, code);
    throw Error(ErrorKind::kConfig,
                {.what = "another process works on this run",
                 .where = path_.parent_path().string(),
                 .got = describe(parse_holder(read_own_file(path_))),
                 .fix = "wait for it or stop it; another run.dir or seed is another run"});
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

// The file stays: removing it would let two processes lock two files of the same name.
LockFile::~LockFile() {
  if (file_ >= 0) ::close(file_);
}

std::optional<RunHolder> lock_holder(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return std::nullopt;
  const bool is_free = ::flock(file, LOCK_SH | LOCK_NB) == 0;
  ::close(file);
  if (is_free) return std::nullopt;
  return parse_holder(read_own_file(path));
}

}  // namespace semiseg
