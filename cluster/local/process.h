// SPDX-License-Identifier: Apache-2.0
// Starts a program beside this one, with its output in a file.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace semiseg::cluster {

struct ProcessRequest {
  std::filesystem::path program;
  std::vector<std::string> arguments;            // without the program
  std::map<std::string, std::string> variables;  // set on top of this process's
  std::filesystem::path log;                     // takes stdout and stderr, appended
  int inherited = -1;                            // a file that the program keeps open
};

// Returns its process id. It leads a process group of its own, so that Ctrl-C on the terminal
// reaches it only through stop_process(). Throws kIo when it cannot be started.
pid_t start_process(const ProcessRequest& request);

// Sends SIGTERM to the process and its children, which may save before they end.
void stop_process(pid_t pid);

// "this process is out of memory" of the first line in the log that begins with "error: "; a
// sentence about the exit status where there is none. `begin`: bytes of the log before this start.
std::string failure_text(int status, const std::filesystem::path& log, int64_t begin);

}  // namespace semiseg::cluster
