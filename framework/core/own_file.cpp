// SPDX-License-Identifier: Apache-2.0
#include "framework/core/own_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "framework/core/error.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

const char* kind_of(fs::file_type type) {
  switch (type) {
    case fs::file_type::symlink:
      return "a link";
    case fs::file_type::directory:
      return "a folder";
    case fs::file_type::fifo:
      return "a pipe";
    case fs::file_type::not_found:
      return "no such file";
    default:
      return "a device or socket";
  }
}

[[noreturn]] void refuse(ErrorKind kind, const fs::path& path, int code) {
  std::error_code unreadable;
  const fs::file_type type = fs::symlink_status(path, unreadable).type();
  if (!unreadable && type != fs::file_type::regular && type != fs::file_type::not_found) {
    throw Error(kind, {.what = "this is not a plain file",
                       .where = path.string(),
                       .expected = "a regular file, which semiseg made here",
                       .got = kind_of(type),
                       .fix = "put the file itself in its place"});
  }
  throw Error(kind, {.what = fmt::format("cannot open the file ({})", std::strerror(code)),
                     .where = path.string()});
}

// O_NONBLOCK, so that a pipe does not wait for its other end before it can be refused.
int open_regular(const fs::path& path, int flags, ErrorKind kind) {
  const int file = ::open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
  struct stat found = {};
  if (file >= 0 && ::fstat(file, &found) == 0 && S_ISREG(found.st_mode)) return file;
  const int code = errno;
  if (file >= 0) ::close(file);
  refuse(kind, path, code);
}

}  // namespace

int open_own_file(const fs::path& path, int flags) {
  return open_regular(path, flags, ErrorKind::kIo);
}

std::string read_own_file(const fs::path& path) {
  const int file = open_regular(path, O_RDONLY, ErrorKind::kData);
  std::string text;
  std::string block(65536, '\0');
  ssize_t count = 0;
  while ((count = ::read(file, block.data(), block.size())) > 0)
    text.append(block, 0, static_cast<size_t>(count));
  const int code = errno;
  ::close(file);
  if (count == 0) return text;
  throw Error(ErrorKind::kData,
              {.what = fmt::format("cannot read the file ({})", std::strerror(code)),
               .where = path.string()});
}

void check_is_file(const fs::path& path) {
  std::error_code unreadable;
  const fs::file_type type = fs::status(path, unreadable).type();
  if (type == fs::file_type::regular) return;
  const bool is_hidden = unreadable && type != fs::file_type::not_found;
  throw Error(ErrorKind::kData,
              {.what = is_hidden ? "cannot read the file (" + unreadable.message() + ")"
                                 : "cannot read the file",
               .where = path.string(),
               .expected = "a regular file",
               .got = is_hidden ? "" : kind_of(type)});
}

}  // namespace semiseg
