// SPDX-License-Identifier: Apache-2.0
// The current activity of this rank, for the watchdogs of ranks that wait for it.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace semiseg {

struct Activity {
  int64_t step = 0;        // iterations done
  std::string phase;       // "start", "step", "validation", "checkpoint" …
  int64_t collective = 0;  // collectives entered so far: the same number on all ranks is the same
                           // collective
  std::string operation;   // the one it is in, e.g. "all_reduce of gradient"; empty: computing
  double since = 0;  // when the operation, or the last advance, began, seconds since the epoch
};

// Thread-safe and cheap: it is updated once a collective.
class Heartbeat {
 public:
  void at(int64_t step, std::string_view phase);
  void enter(std::string_view kind, std::string_view name);
  void leave();
  void advance();  // a piece of long work between two collectives is done: a case, say
  Activity read() const;

 private:
  mutable std::mutex mutex_;
  Activity activity_;
};

// Returns the wall-clock time in seconds since the epoch.
double wall_seconds();

}  // namespace semiseg
