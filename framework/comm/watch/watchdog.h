// SPDX-License-Identifier: Apache-2.0
// Ends a run whose ranks wait for each other for ever. Each rank writes its activity to a file of
// its own, outside MPI, so that the activity of a rank that hangs or is suspended is known, too.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/comm/heartbeat.h"

namespace semiseg {

// The last heartbeat that one rank wrote.
struct RankPulse {
  int rank = 0;
  int64_t pid = 0;
  std::string host;
  double pulse = 0;  // when it was written, seconds since the epoch
  Activity activity;
};

// Returns the report when a rank has waited longer than `deadline` seconds: which ranks are late,
// where and since when, and what the others wait for. A rank whose pulse is older than `silence`
// seconds is suspended, dead or disconnected; a live one is late when others have entered more
// collectives.
std::string describe_late_ranks(const std::vector<RankPulse>& ranks, double now, double deadline,
                                double silence);

// Returns true while a live rank computes and has advanced within the deadline: it only has more
// work, which is no fault.
bool some_rank_advances(const std::vector<RankPulse>& ranks, double now, double deadline,
                        double silence);

class Watchdog {
 public:
  // `folder` is seen by all ranks and holds nothing of an earlier start. Starts a thread that
  // writes this rank's pulse and, once this rank has been in one collective for longer than
  // `deadline` seconds while no rank advances, prints the report (one rank does) and aborts all
  // ranks with exit code 4. `comm` outlives the watchdog.
  Watchdog(const Communicator& comm, std::filesystem::path folder, double deadline);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Returns true on the first rank that calls it: that rank reports why the run ends.
  bool claim_report() const;

 private:
  void watch(const std::stop_token& stop);
  void write_pulse() const;
  void report_and_abort(const std::vector<RankPulse>& ranks) const;
  double silence() const { return 3 * interval_; }
  double longest_nap() const { return silence() + 1; }  // between two polls, on a busy machine

  const Communicator& comm_;
  std::filesystem::path folder_;
  double deadline_, interval_;
  std::jthread thread_;
};

// Reads the files of `size` ranks; a missing or half-written file counts as no sign of life.
std::vector<RankPulse> read_pulses(const std::filesystem::path& folder, int size);

}  // namespace semiseg
