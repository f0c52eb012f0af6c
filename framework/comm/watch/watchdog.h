// SPDX-License-Identifier: Apache-2.0
// Ends a run that hangs. Each rank writes its activity to a file of its own, outside MPI, so that the
// activity of a rank that hangs or is suspended is known, too.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/comm/watch/late_ranks.h"

namespace semiseg {

class Watchdog {
 public:
  // Called once, on the rank that reports, with the report; another thread than the main one's.
  using NoteEnd = std::function<void(const std::string& why)>;

  // `folder` is seen by all ranks and holds nothing of an earlier start. Starts a thread that
  // writes this rank's pulse. Once this rank has not moved on for longer than `deadline` seconds and
  // the run hangs (is_hang), or its device or the network has failed, prints the report (one rank
  // does), calls `note_end` and aborts all ranks with exit code 4. `comm` outlives the watchdog.
  Watchdog(const Communicator& comm, std::filesystem::path folder, double deadline,
           NoteEnd note_end = {});
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Returns true on the first rank that calls it: that rank reports why the run ends.
  bool claim_report() const;

 private:
  void watch(const std::stop_token& stop);
  RankPulse own_pulse() const;
  void write_pulse(const RankPulse& pulse) const;
  void report_and_abort(const std::string& why) const;
  double longest_nap() const {
    return limits_.silence + 1;
  }  // between two polls, on a busy machine

  const Communicator& comm_;
  std::filesystem::path folder_;
  double interval_;  // seconds between two pulses
  WatchLimits limits_;
  NoteEnd note_end_;
  std::jthread thread_;
};

// Returns the seconds between two pulses of a rank: ten for each deadline, at most one a second, and
// so many that all ranks together write at most 64 files a second.
double pulse_interval(double deadline, int ranks);

// Returns the age from which a pulse means that its rank is gone: file systems stall and clocks of
// machines differ by seconds.
double longest_silence(double deadline, double interval);

// Reads the files of `size` ranks; a missing or half-written file counts as no sign of life.
std::vector<RankPulse> read_pulses(const std::filesystem::path& folder, int size);

}  // namespace semiseg
