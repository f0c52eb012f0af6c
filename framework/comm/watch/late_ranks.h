// SPDX-License-Identifier: Apache-2.0
// Tells from the pulses of all ranks whether a run hangs, and which ranks the others wait for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/comm/heartbeat.h"
#include "framework/comm/watch/device_ring.h"

namespace semiseg {

// The last heartbeat that one rank wrote.
struct RankPulse {
  int rank = 0;
  int64_t pid = 0;
  std::string host;
  double pulse = 0;  // when it was written, seconds since the epoch
  Activity activity;
  DeviceState device;  // of its collectives on a GPU

  // Returns true when the rank waits for others, in a collective of the host or of the device.
  bool is_in_collective() const;
  // Returns since when the rank has not moved on.
  double still_since() const;
};

struct WatchLimits {
  double deadline = 300;  // seconds without progress
  double silence = 30;    // age of a pulse, in seconds, from which its rank is suspended, dead or
                          // disconnected
};

// Returns true when rank `self`, which has not moved on for longer than the deadline, has nothing to
// wait for: it is in a collective while no live rank computes and has advanced within the deadline
// (such a rank only has more work), or it computes and so do all others for as long.
bool is_hang(const std::vector<RankPulse>& ranks, int self, double now, const WatchLimits& limits);

// Returns the report: which ranks are late, where and since when, and what the others wait for. A
// live rank is late when others have entered more collectives, on the host or on the device.
std::string describe_late_ranks(const std::vector<RankPulse>& ranks, double now,
                                const WatchLimits& limits);

}  // namespace semiseg
