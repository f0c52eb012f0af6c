// SPDX-License-Identifier: Apache-2.0
#include "launch/command_line/standard_streams.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "framework/core/error.h"

namespace semiseg {

void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
    // Opens standard output for reading: printing to a closed one must fail.
    const int opened = ::open(
        "/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);  // the lowest free number
    if (opened >= 0 && opened != stream) ::close(opened);
  }
}

void check_standard_output() {
  errno = 0;
  std::cout.flush();
  const bool is_good = std::cout.good() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (is_good || errno == EPIPE) return;
  const int code = errno;
  throw Error(ErrorKind::kIo,
              {.what = "cannot write to standard output" +
                       (code ? fmt::format(" ({})", std::strerror(code)) : std::string()),
               .fix = "free space, or print to another place, and run the same command again"});
}

}  // namespace semiseg
