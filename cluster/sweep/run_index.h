// SPDX-License-Identifier: Apache-2.0
// The run folders below a folder by the ends of their names: thousands of configurations are looked
// up with one listing.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "framework/record/run/run_folder.h"

namespace semiseg::cluster {

class RunIndex {
 public:
  // As find_run_folder(), but each root is listed once.
  std::optional<std::filesystem::path> find(const Config& config, const RunFolderRequest& request);

  // Returns a folder for a run that has none. Two of several thousand runs may share the six digits
  // in their names: the later one gets all sixteen.
  std::filesystem::path free_folder(const RunFolderRequest& request, const std::string& hash);

 private:
  using Names = std::multimap<std::string, std::filesystem::path>;  // by "-1a2b3c"
  const Names& names_below(const std::filesystem::path& root);

  std::map<std::filesystem::path, Names> roots_;
};

}  // namespace semiseg::cluster
