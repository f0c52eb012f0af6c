// SPDX-License-Identifier: Apache-2.0
// Watches that ranks do not wait for each other for ever. Each rank tells what it does in a file
// of its own, outside MPI, so that also a rank that is stuck or stopped can be read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/comm/heartbeat.h"

namespace semiseg {

// What one rank wrote.
struct RankPulse {
  int rank = 0;
  int64_t pid = 0;
  std::string host;
  double pulse = 0;  // when it was written, seconds since the epoch
  Activity activity;
};

// The report when a rank has waited longer than `deadline` seconds: who is late, where and since
// when, and what the others wait for. A rank whose pulse is older than `silence` seconds is
// stopped, dead or cut off; one that lives is late when others have entered more collectives.
std::string describe_late_ranks(const std::vector<RankPulse>& ranks, double now, double deadline,
                                double silence);

// True while a rank that lives computes and has advanced within the deadline: its share of the work
// is larger, which is no fault.
bool some_rank_advances(const std::vector<RankPulse>& ranks, double now, double deadline,
                        double silence);

class Watchdog {
 public:
  // `folder` is seen by all ranks and holds nothing of an earlier start. Starts a thread that
  // writes this rank's pulse and, once this rank has been in one collective for longer than
  // `deadline` seconds while no rank advances, prints the report (one rank of all does) and takes
  // all ranks down with exit code 4. `comm` outlives the watchdog.
  Watchdog(const Communicator& comm, std::filesystem::path folder, double deadline);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // True for the first of all ranks that asks: it tells people why the run ends.
  bool claim_report() const;

 private:
  void watch(const std::stop_token& stop);
  void write_pulse() const;
  void report_and_abort(const std::vector<RankPulse>& ranks) const;
  double silence() const { return 3 * interval_; }
  double longest_nap() const { return silence() + 1; }  // between two looks, on a busy machine

  const Communicator& comm_;
  std::filesystem::path folder_;
  double deadline_, interval_;
  std::jthread thread_;
};

// Reads the files of `size` ranks; one that is missing or half written is a rank that gave no sign.
std::vector<RankPulse> read_pulses(const std::filesystem::path& folder, int size);

}  // namespace semiseg
