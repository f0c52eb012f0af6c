// SPDX-License-Identifier: Apache-2.0
// state.json of a run folder: the status of the run and the process that works on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace semiseg {

// The prefix of the message of a done run whose weights were imported, not trained.
constexpr const char* kImportedMessage = "imported from ";

enum class RunStatus { kRunning, kStopped, kDone, kFailed };
const char* to_string(RunStatus status);  // "running" …: on disk, do not rename

// A process that works on a run.
struct RunHolder {
  std::string host, user;
  int64_t pid = 0;
  std::string job;      // id of the batch job, empty outside one
  std::string started;  // ISO, UTC
};

// Returns host, user and pid of this process.
RunHolder this_process(std::string job, int64_t now);

// "pid 42 of alice on node7, job 1234, since 2025-03-01T14:05:09Z"
std::string describe(const RunHolder& holder);

struct RunState {
  RunStatus status = RunStatus::kRunning;
  RunHolder by;
  std::string updated;  // ISO, UTC
  std::string message;  // why it failed or stopped; may be empty
};

// Writes atomically. Throws kIo on failure.
void write_run_state(const std::filesystem::path& run, const RunState& state);

// Returns nullopt when the folder has no state.json. Throws kData when it cannot be parsed.
std::optional<RunState> read_run_state(const std::filesystem::path& run);

}  // namespace semiseg
