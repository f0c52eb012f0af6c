// SPDX-License-Identifier: Apache-2.0
// The built program, run as a user runs it.
#pragma once

#include <string>

namespace semiseg {

struct ProgramResult {
  int exit_code = 0;
  std::string output;  // stdout and stderr together
};

// `semiseg <arguments>` in `folder`, arguments as a shell reads them. `environment` stands before
// the command.
ProgramResult run_program(const std::string& arguments, const std::string& folder,
                          const std::string& environment = "");

}  // namespace semiseg
