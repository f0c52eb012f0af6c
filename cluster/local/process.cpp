// SPDX-License-Identifier: Apache-2.0
#include "cluster/local/process.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstring>
#include <fstream>

#include "framework/core/error.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;

pid_t start_process(const fs::path& program, SpawnRequest request) {
  request.words.insert(request.words.begin(), program.string());
  request.is_group = true;
  pid_t pid = 0;
  const int code = spawn(request, pid);
  if (code == 0) return pid;
  throw Error(ErrorKind::kIo,
              {.what = fmt::format("cannot start a run ({})", std::strerror(code)),
               .where = program.string(),
               .fix = "look at the program, and at the limits of processes (ulimit -u)"});
}

void stop_process(pid_t pid) { ::kill(-pid, SIGTERM); }

std::string failure_text(int status, const fs::path& log, int64_t begin) {
  constexpr std::string_view kMark = "error: ";
  std::ifstream file(log);
  file.seekg(begin);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kMark)) return line.substr(kMark.size());
  }
  if (WIFSIGNALED(status)) {
    return fmt::format("ended by signal {} ({}); its output is in {}", WTERMSIG(status),
                       ::strsignal(WTERMSIG(status)), log.string());
  }
  return fmt::format("exit code {}; its output is in {}", WEXITSTATUS(status), log.string());
}

}  // namespace semiseg::cluster
