// SPDX-License-Identifier: Apache-2.0
#include "tests/program.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <stdexcept>

namespace semiseg {

ProgramResult run_program(const std::string& arguments, const std::string& folder,
                          const std::string& environment) {
  const std::string command = "exec 2>&1; cd '" + folder + "' || exit 99; " + environment +
                              " '" SEMISEG_BINARY_DIR "/launch/semiseg' " + arguments;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot start: " + command);
  ProgramResult result;
  std::array<char, 4096> buffer;
  for (size_t size; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.output.append(buffer.data(), size);
  }
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace semiseg
