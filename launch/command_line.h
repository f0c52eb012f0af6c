// SPDX-License-Identifier: Apache-2.0
// What verbs that compose a configuration find on the command line and around it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "launch/flags.h"

namespace semiseg {

// What every verb that composes a configuration accepts.
struct ComposeFlags {
  std::string config_name = "base";
  std::vector<std::string> config_folders;
  std::vector<std::string> overrides;
  void add_to(Flags& flags);
  ComposeRequest request() const;
};

// Folders with experiment files: the given ones, ./experiments, and the one that belongs to the
// program.
std::vector<std::filesystem::path> experiment_folders(const std::vector<std::string>& given);

}  // namespace semiseg
