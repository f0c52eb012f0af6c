// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/run_index.h"

#include <algorithm>
#include <utility>

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

constexpr size_t kEnding = 7;  // '-' and six digits

// A folder with all sixteen digits is found by the first six, too.
std::string ending_of(const std::string& name) {
  const size_t dash = name.rfind('-');
  return dash == std::string::npos ? "" : name.substr(dash, kEnding);
}

}  // namespace

const RunIndex::Names& RunIndex::names_below(const fs::path& root) {
  const auto [entry, is_new] = roots_.try_emplace(root);
  if (!is_new || !fs::is_directory(root)) return entry->second;
  for (const auto& folder : fs::directory_iterator(root))
    entry->second.emplace(ending_of(folder.path().filename()), folder.path());
  return entry->second;
}

std::optional<fs::path> RunIndex::find(const Config& config, const RunFolderRequest& request) {
  if (!request.directory.empty()) return find_run_folder(config, request);
  std::optional<fs::path> newest;
  for (const std::string& ending : run_folder_endings(config)) {
    const auto [first, last] = names_below(request.root).equal_range(ending);
    for (auto name = first; name != last; ++name) {
      RunFolderRequest exact = request;
      exact.directory = name->second;
      const auto found = find_run_folder(config, exact);
      if (found && (!newest || *newest < *found)) newest = found;
    }
  }
  return newest;
}

fs::path RunIndex::free_folder(const RunFolderRequest& request, const std::string& hash) {
  names_below(request.root);
  Names& names = roots_.at(request.root);
  const std::string short_name = run_folder_name(request, hash);
  const std::string stem = short_name.substr(0, short_name.rfind('-') + 1);
  const auto [first, last] = names.equal_range(ending_of(short_name));
  const bool is_taken = std::any_of(
      first, last, [&](const auto& name) { return name.second.filename() == short_name; });
  const fs::path folder = request.root / (is_taken ? stem + hash : short_name);
  names.emplace(ending_of(short_name), folder);
  return folder;
}

}  // namespace semiseg::cluster
