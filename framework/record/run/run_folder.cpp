// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/record/run/run_settings.h"
#include "framework/record/shown_text.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// "seed: 0 there, 1 here", one for each setting that is not the same.
std::vector<std::string> differences(const Config& config, const fs::path& folder) {
  const fs::path file = folder / kRunConfigFile;
  const auto there = config.settings_of(parse_config(read_own_file(file), file.string()));
  const auto here = config.settings();
  std::vector<std::string> result;
  const auto text = [](const auto& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? std::string("absent") : found->second.value;
  };
  auto keys = there;
  keys.insert(here.begin(), here.end());
  for (const auto& [key, value] : keys) {
    if (text(there, key) == text(here, key)) continue;
    result.push_back(fmt::format("{}: {} there, {} here", key, text(there, key), text(here, key)));
  }
  return result;
}

// Returns true for a folder whose process died before it wrote config.toml.
bool is_unused(const fs::path& folder) {
  if (!fs::exists(folder)) return true;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (name != kRunLockFile && !name.ends_with(".tmp")) return false;
  }
  return true;
}

bool may_read(const fs::path& file) {
  return ::faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) == 0;
}

std::string hash_text(uint64_t hash) { return fmt::format("{:016x}", hash); }

// The end of a folder's name.
std::string suffix(uint64_t hash) { return "-" + hash_text(hash).substr(0, 6); }

std::optional<fs::path> find_below_root(const Config& config, const RunFolderRequest& request) {
  const std::vector<std::string> endings = run_folder_endings(config);
  std::vector<fs::path> found;
  if (!fs::is_directory(request.root)) return std::nullopt;
  for (const auto& entry : fs::directory_iterator(request.root)) {
    const std::string name = entry.path().filename();
    if (std::none_of(endings.begin(), endings.end(),
                     [&name](const std::string& ending) { return name.ends_with(ending); }))
      continue;
    if (!may_read(entry.path() / kRunConfigFile)) continue;  // a run of another user
    if (differences(config, entry.path()).empty()) found.push_back(entry.path());
  }
  if (found.empty()) return std::nullopt;
  return *std::max_element(found.begin(), found.end());
}

fs::path choose(const Config& config, const RunFolderRequest& request) {
  if (!request.directory.empty()) return request.directory;
  if (const auto existing = find_below_root(config, request)) return *existing;
  return request.root / run_folder_name(request, hash_text(config.identity()));
}

// True when the folder holds this very run.
bool check(const Config& config, const fs::path& folder) {
  std::error_code code;
  if (!fs::exists(folder / kRunConfigFile, code)) {
    if (code) {
      throw Error(ErrorKind::kConfig,
                  {.what = "cannot read the run folder (" + code.message() + ")",
                   .where = folder.string(),
                   .fix = "give another run.root or run.dir, or ask its owner for permission"});
    }
    if (is_unused(folder)) return false;
    throw Error(ErrorKind::kConfig, {.what = "the folder is not empty and is not a semiseg run",
                                     .where = folder.string(),
                                     .expected = "a new or empty folder, or one with config.toml",
                                     .fix = "give another run.dir"});
  }
  const auto differing = differences(config, folder);
  if (differing.empty()) return true;
  throw Error(ErrorKind::kConfig,
              {.what = "the folder holds a run of another configuration",
               .where = folder.string(),
               .got = fmt::format("{}", fmt::join(differing, "; ")),
               .fix = "give another run.dir, or none to have one made, or the same settings"});
}

fs::path made(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) {
    throw Error(ErrorKind::kIo, {.what = "cannot make the run folder (" + code.message() + ")",
                                 .where = folder.string()});
  }
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) != 0) {
    throw Error(
        ErrorKind::kIo,
        {.what = "the run folder may not be written",
         .where = folder.string(),
         .fix = "it may be another user's, or its file system read-only: give another run.root"});
  }
  return folder;
}

}  // namespace

std::vector<std::string> run_folder_endings(const Config& config) {
  return {suffix(config.identity()), suffix(config.hash(sections_outside_old_names()))};
}

std::string run_folder_name(const RunFolderRequest& request, const std::string& config_hash) {
  return fmt::format("{}-{}-{}-{}", iso_date(request.now), request.method, request.dataset,
                     config_hash.substr(0, 6));
}

RunFolder::RunFolder(const Config& config, const RunFolderRequest& request)
    : config_hash_(hash_text(config.identity())),
      path_(choose(config, request)),
      resumed_(check(config, path_)),
      is_done_(false),
      holder_(this_process(request.job, request.now)),
      lock_(made(path_) / kRunLockFile, holder_) {
  if (!resumed_) write_file(path_ / kRunConfigFile, config.to_toml(/*origins=*/true));
  const auto before = read_run_state(path_);
  is_done_ = resumed_ && before && before->status == RunStatus::kDone;
  if (!is_done_) set_status(RunStatus::kRunning, request.now);
}

std::optional<fs::path> find_run_folder(const Config& config, const RunFolderRequest& request) {
  if (request.directory.empty()) return find_below_root(config, request);
  if (!fs::exists(request.directory / kRunConfigFile) ||
      !differences(config, request.directory).empty())
    return std::nullopt;
  return request.directory;
}

void RunFolder::set_status(RunStatus status, int64_t now, std::string message) const {
  write_run_state(path_, {status, holder_, iso_time(now), std::move(message)});
}

}  // namespace semiseg
