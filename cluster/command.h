// SPDX-License-Identifier: Apache-2.0
// Starts other programs. Arguments are a vector and pass through no shell, so that no name can become
// a command.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace semiseg::cluster {

struct SpawnRequest {
  std::vector<std::string> words;                // words[0], the program, is searched in PATH
  std::map<std::string, std::string> variables;  // set on top of this process's
  std::filesystem::path log;                     // takes stdout and stderr, appended
  int output = -1, errors = -1;  // open files that take them instead, where there is no log
  int inherited = -1;            // an open file that the program keeps
  // It leads a process group of its own, so that Ctrl-C on the terminal does not reach it.
  bool is_group = false;
};

// Starts the program with empty standard input and the signals that this process handles or ignores
// as they are by default. Returns 0 and sets `pid`, or returns the error number.
int spawn(const SpawnRequest& request, pid_t& pid);

struct CommandResult {
  int exit_code = 0;  // 128 + signal for a program that a signal ended
  std::string output, errors;
  bool timed_out = false;  // it was killed because it took too long
};

// Runs words[0], which is searched in PATH, with empty standard input. Kills it after `seconds`.
// Throws kConfig when there is no such program, kIo when it cannot be started.
CommandResult run_command(const std::vector<std::string>& words, double seconds);

}  // namespace semiseg::cluster
