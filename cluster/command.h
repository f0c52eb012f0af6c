// SPDX-License-Identifier: Apache-2.0
// Runs another program and waits for it. Arguments are a vector and pass through no shell, so that
// no name can become a command.
#pragma once

#include <string>
#include <vector>

namespace semiseg::cluster {

struct CommandResult {
  int exit_code = 0;  // 128 + signal for a program that a signal ended
  std::string output, errors;
  bool timed_out = false;  // it was killed because it took too long
};

// Runs words[0], which is searched in PATH, with empty standard input. Kills it after `seconds`.
// Throws kConfig when there is no such program, kIo when it cannot be started.
CommandResult run_command(const std::vector<std::string>& words, double seconds);

}  // namespace semiseg::cluster
