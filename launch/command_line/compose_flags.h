// SPDX-License-Identifier: Apache-2.0
// The command line and environment of verbs that compose a configuration.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "launch/command_line/flags.h"

namespace semiseg {

// The flags of every verb that composes a configuration.
struct ComposeFlags {
  std::string config_name = "base";
  std::vector<std::string> config_folders;
  std::vector<std::string> overrides;
  void add_to(Flags& flags);
  ComposeRequest request() const;
};

// Returns the folders with experiment files: the given ones, ./experiments, and the one that
// belongs to the program.
std::vector<std::filesystem::path> experiment_folders(const std::vector<std::string>& given);

// Returns all environment variables of this process.
std::map<std::string, std::string> environment();

// Returns the seconds since the epoch.
int64_t now_seconds();

// Returns the seconds of the steady clock, for durations.
double steady_seconds();

}  // namespace semiseg
