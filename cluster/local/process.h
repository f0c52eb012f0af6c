// SPDX-License-Identifier: Apache-2.0
// A run as a process beside this one, with its output in a file.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "cluster/command.h"

namespace semiseg::cluster {

// Starts the program; the request has its words after its name. Returns its process id. It leads a
// process group of its own, so that Ctrl-C on the terminal reaches it only through stop_process().
// Throws kIo when it cannot be started.
pid_t start_process(const std::filesystem::path& program, SpawnRequest request);

// Sends SIGTERM to the process and its children, which may save before they end.
void stop_process(pid_t pid);

// "this process is out of memory" of the first line in the log that begins with "error: "; a
// sentence about the exit status where there is none. `begin`: bytes of the log before this start.
std::string failure_text(int status, const std::filesystem::path& log, int64_t begin);

}  // namespace semiseg::cluster
