// SPDX-License-Identifier: Apache-2.0
// state.json of a run folder: how far the run came, and by whom.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace semiseg {

// How the message of a done run begins whose weights were imported, not trained.
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

// Host, user and pid of this process.
RunHolder this_process(std::string job, int64_t now);

// "pid 42 of alice on node7, job 1234, since 2025-03-01T14:05:09Z"
std::string describe(const RunHolder& holder);

struct RunState {
  RunStatus status = RunStatus::kRunning;
  RunHolder by;
  std::string updated;  // ISO, UTC
  std::string message;  // why it failed or stopped; may be empty
};

// Atomic. kIo on failure.
void write_run_state(const std::filesystem::path& run, const RunState& state);

// None when the folder has no state.json. kData when it cannot be understood.
std::optional<RunState> read_run_state(const std::filesystem::path& run);

}  // namespace semiseg
