// SPDX-License-Identifier: Apache-2.0
// The built program, run as a user runs it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace semiseg {

struct ProgramResult {
  int exit_code = 0;
  std::string output;  // stdout and stderr together
};

// `semiseg <arguments>` in `folder`, arguments as a shell reads them. `before` stands before the
// command: variables, mpirun.
ProgramResult run_program(const std::string& arguments, const std::string& folder,
                          const std::string& before = "");

// "mpirun -n <ranks>" for this machine: as root, on fewer cores than ranks, ended after a minute
// and a half.
std::string mpirun(int ranks, const std::string& variables = "");

// `semiseg <arguments>` beside the test.
class RunningProgram {
 public:
  RunningProgram(const std::string& arguments, const std::filesystem::path& folder,
                 const std::string& before = "");
  ~RunningProgram();  // SIGKILL, if it still runs
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  // True when it ended within `seconds`.
  bool ends_within(double seconds);
  // SIGKILL to all its processes, ranks of mpirun included.
  void kill_all();
  ProgramResult wait();

 private:
  pid_t pid_;
  std::filesystem::path log_;
  int status_ = -1;
};

}  // namespace semiseg
