// SPDX-License-Identifier: Apache-2.0
// Flags by CLI11 and the key=value overrides behind them.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "launch/verbs.h"

namespace semiseg {

// Parses; an exit code when there is nothing left to do (--help). kConfig for flags that do not
// parse.
std::optional<int> parse_flags(CLI::App& app, const Arguments& arguments);

// What every verb that composes a configuration accepts.
struct ComposeFlags {
  std::string config_name = "base";
  std::vector<std::string> config_folders;
  std::vector<std::string> overrides;
  void add_to(CLI::App& app);
  ComposeRequest request() const;
};

// Folders with experiment files: the given ones, ./experiments, and the one that belongs to the
// program.
std::vector<std::filesystem::path> experiment_folders(const std::vector<std::string>& given);

// All variables of this process.
std::map<std::string, std::string> environment();

// Seconds since the epoch.
int64_t now_seconds();

// Seconds of the clock that does not jump, for durations.
double steady_seconds();

}  // namespace semiseg
