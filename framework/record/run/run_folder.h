// SPDX-License-Identifier: Apache-2.0
// The folder of one run: named for its configuration, so that the same command resumes the same
// folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/record/run/lock_file.h"
#include "framework/record/run/run_state.h"

namespace semiseg {

// In every run folder. On disk, do not rename.
inline constexpr const char* kRunConfigFile = "config.toml";
inline constexpr const char* kRunLockFile = "lock";

struct RunFolderRequest {
  std::filesystem::path root = "runs";
  std::filesystem::path directory;  // exactly this folder; empty: a generated name below the root
  std::string method, dataset;      // for the name
  std::string job;                  // id of the batch job, empty outside one
  int64_t now = 0;                  // seconds since the epoch
};

class RunFolder {
 public:
  // Call on rank 0 only, once all options have been read: those that can change a result decide
  // which run this is (Config::settings). Finds the folder of this run (any date; the newest of
  // several; also one of an older program, whose name has another hash) or makes one, locks it, and
  // writes config.toml and state.json (running, unless the run is done). Throws kConfig, with
  // nothing written, when the folder holds another configuration (the keys that differ are named),
  // belongs to something else, or is being worked on (its holder is named). Throws kIo when it
  // cannot be written.
  RunFolder(const Config& config, const RunFolderRequest& request);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  bool is_done() const { return is_done_; }  // the run was done when the folder was opened
  bool resumed() const { return resumed_; }  // the folder held a run of this configuration
  const std::string& config_hash() const { return config_hash_; }  // 16 hexadecimal digits

  // Writes state.json atomically.
  void set_status(RunStatus status, int64_t now, std::string message = "") const;

 private:
  std::string config_hash_;
  std::filesystem::path path_;
  bool resumed_, is_done_;
  RunHolder holder_;
  LockFile lock_;
};

// Returns the folder of the run of this configuration, as RunFolder would find it; nullopt:
// RunFolder would make one.
std::optional<std::filesystem::path> find_run_folder(const Config& config,
                                                     const RunFolderRequest& request);

// Returns how the name of a folder of this configuration ends: "-1a2b3c", and the ending that an
// older program gave it.
std::vector<std::string> run_folder_endings(const Config& config);

// "<date>-<method>-<dataset>-<first 6 digits of the hash>". The date is that of UTC, because hosts
// of one run may differ in their time zones; no search looks at it.
std::string run_folder_name(const RunFolderRequest& request, const std::string& config_hash);

}  // namespace semiseg
