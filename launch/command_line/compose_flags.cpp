// SPDX-License-Identifier: Apache-2.0
#include "launch/command_line/compose_flags.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "framework/core/error.h"
#include "framework/core/process.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// Upwards from the program: a build tree's source, or the share folder of an installation.
std::optional<fs::path> own_experiments() {
  std::error_code code;
  fs::path folder = fs::read_symlink("/proc/self/exe", code).parent_path();
  for (; !code && folder.has_relative_path(); folder = folder.parent_path()) {
    for (const char* place : {"experiments", "share/semiseg/experiments"}) {
      if (fs::exists(folder / place / "base.toml")) return folder / place;
    }
  }
  return std::nullopt;
}

}  // namespace

void ComposeFlags::add_to(Flags& flags) {
  flags.add("--config-name", config_name, "experiment file to start from, without .toml");
  flags.add("--config-dir", config_folders, "folders with experiment files, searched first");
  flags.add("overrides", overrides,
            "key=value, +key=value, ~key, group=option, group@package=option");
}

ComposeRequest ComposeFlags::request() const {
  return {.search = experiment_folders(config_folders),
          .name = config_name,
          .overrides = overrides,
          .now = now_seconds(),
          .environment = environment()};
}

std::vector<fs::path> experiment_folders(const std::vector<std::string>& given) {
  std::vector<fs::path> folders;
  const auto add = [&folders](const fs::path& folder) {
    const fs::path whole = fs::weakly_canonical(folder);
    if (std::find(folders.begin(), folders.end(), whole) == folders.end()) folders.push_back(whole);
  };
  for (const auto& folder : given) {
    if (!fs::is_directory(folder)) {
      throw Error(ErrorKind::kConfig, {.what = "no such folder of experiment files",
                                       .where = "--config-dir " + folder});
    }
    add(folder);
  }
  if (fs::exists("experiments/base.toml")) add("experiments");
  if (const auto own = own_experiments()) add(*own);
  return folders;
}

}  // namespace semiseg
