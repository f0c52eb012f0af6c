// SPDX-License-Identifier: Apache-2.0
// The state of every point of a sweep: the ledger, joined with the launchers and the run folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/launcher.h"
#include "cluster/sweep/definition.h"
#include "cluster/sweep/ledger.h"

namespace semiseg::cluster {

// The detail of a run that was done before its sweep launched it.
inline constexpr const char* kReused = "done already";

struct PointState {
  TaskState state = TaskState::kPending;
  std::string detail;           // who works on it; the first line of its failure
  std::string since;            // ISO, UTC: of the last change; empty: none so far
  std::optional<double> score;  // mean Dice of a run that is done and measured
  bool is_in_queue = false;     // a launcher that goes on by itself has it, waiting or running
};

// A launcher and whether its tasks are children of the calling process.
struct LauncherOf {
  std::shared_ptr<Launcher> launcher;
  bool is_here = false;
};
using MakeLauncher = std::function<LauncherOf(const std::vector<std::string>& launch_overrides)>;

class SweepStates {
 public:
  // `make` makes the launcher of an earlier launch from its overrides.
  SweepStates(std::filesystem::path sweep, const Definition& definition, MakeLauncher make);

  // Reads what is new, with `thorough` in every run folder that is not done, else only where a
  // launcher says that a task has ended. Notes each change in the ledger, if it can be written.
  void refresh(bool thorough = true);

  const std::vector<PointState>& states() const { return states_; }
  // Counts the changes that refresh() saw in the ledger or elsewhere: "done" of these points.
  std::vector<int64_t> take_changed();

  // Returns the points that a launch should start: all that are not done, failed or cancelled and
  // not with a launcher already. Those that run are among them only if asked for.
  std::vector<int64_t> rest(bool with_running) const;

  // When the runs of these points that have started were updated last. Asked before a launch, it
  // tells an earlier end from a later one: clocks of nodes may differ from that of this machine.
  std::map<int64_t, std::string> last_updates(const std::vector<int64_t>& points) const;

  // Notes a launch that this process has made; `seen`: last_updates() before it.
  void add_launch(const Launch& launch, const std::vector<std::string>& overrides,
                  const std::vector<int64_t>& points, LauncherOf launcher,
                  const std::map<int64_t, std::string>& seen);
  void set(const std::vector<int64_t>& points, TaskState state, const std::string& detail = "");

  // Tells the launchers to stop these points. Those that wait stay pending if so asked: the process
  // ends, and the same command goes on.
  void stop(const std::vector<int64_t>& points, bool keep_pending);

  // Returns the overrides of the last launch; empty: nothing has been launched.
  std::vector<std::string> last_overrides() const;

 private:
  struct KnownLaunch {
    Launch launch;
    std::vector<std::string> overrides;
    LauncherOf launcher;  // made when it is needed
    bool is_own = false;  // of this process
  };

  void apply(const LedgerLine& line);
  void forget_end(size_t point);
  void obey_cancellations();
  std::map<int64_t, TaskStatus> ask_launchers();
  PointState joined(int64_t index, const TaskStatus* answer) const;
  void note(const std::vector<LedgerLine>& lines);

  std::filesystem::path sweep_;
  const Definition& definition_;
  MakeLauncher make_;
  Ledger ledger_;
  std::vector<PointState> states_;
  std::map<std::string, KnownLaunch> launches_;  // by handle
  std::vector<std::string> launch_of_;           // handle of the last launch of each point
  std::vector<std::string> seen_;                // last update of its run before that launch
  std::string last_handle_;
  std::vector<int64_t> changed_, cancelled_;
  bool keeps_pending_ = false, may_write_ = true;
};

}  // namespace semiseg::cluster
