// SPDX-License-Identifier: Apache-2.0
// The interface of launchers, which start runs: on this machine, or by a batch system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/plugins/registry.h"

namespace semiseg::cluster {

// One run to start.
struct Task {
  int64_t index = 0;                   // point of the sweep; 0 for a single run
  std::string name;                    // for job names and logs
  std::filesystem::path folder;        // its run folder
  std::vector<std::string> arguments;  // of `semiseg`: {"train", "method=bcp", …}
};

enum class TaskState {
  kPending,
  kRunning,
  kDone,
  kFailed,
  kStopped,  // stopped and saved (exit code 5); a batch system requeues it
  kCancelled,
  kTimedOut,
  kPreempted,
  kUnknown
};

struct TaskStatus {
  int64_t index = 0;
  TaskState state = TaskState::kUnknown;
  std::string detail;      // job id or pid, node, first line of the failure
  bool is_shared = false;  // of a job of several tasks, each of which ends by itself
};

// One submission.
struct Launch {
  std::string handle;            // job id of an array, or id of a pool
  std::vector<int64_t> indices;  // of its tasks, ascending; `pack` in turn share a job
  int64_t pack = 1;
};

// The share of the machines that each task has.
struct Sharing {
  int64_t at_once = 0;  // tasks that run at a time; 0: as many as the launcher thinks right
  int64_t pack = 1;     // tasks that share what one has otherwise: a GPU, a few cores, a job
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  // Starts the tasks. `folder` takes scripts and logs. Throws kConfig for a request that cannot be
  // served, kIo when nothing starts.
  virtual Launch submit(const std::vector<Task>& tasks, const std::filesystem::path& folder,
                        const Sharing& sharing) = 0;
  // Returns the states of the tasks of these indices, in their order.
  virtual std::vector<TaskStatus> query(const Launch& launch,
                                        const std::vector<int64_t>& indices) = 0;
  // Stops running tasks, which save first, and drops those that wait.
  virtual void cancel(const Launch& launch, const std::vector<int64_t>& indices) = 0;
};

struct LauncherEntry {
  static const char* kind() { return "launcher"; }
  std::string name;     // the stem of the file
  std::string summary;  // one line, that of experiments/cluster/<name>.toml
  // The tasks are children of the calling process on this machine: they start while it queries, so
  // it stays until they end. A batch system's tasks go on without it.
  bool is_here = false;
  std::function<void(const Config& cluster)> read_options = [](const Config&) {};
  std::function<std::unique_ptr<Launcher>(const Config& cluster)> make;  // of section [cluster]
};
using LauncherRegistry = Registry<LauncherEntry>;

// Returns the entry that the key `launcher` of section [cluster] names. Throws kConfig.
const LauncherEntry& launcher_entry(const Config& config);

// Makes that launcher. `config` is the configuration of a launch (launch_config.h).
std::unique_ptr<Launcher> make_launcher(const Config& config);

}  // namespace semiseg::cluster
