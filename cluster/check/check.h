// SPDX-License-Identifier: Apache-2.0
// semiseg check: finds what would fail after the wait in a queue.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/check/memory_estimate.h"
#include "cluster/launch_config.h"

namespace semiseg::cluster {

struct Defect {
  std::string where;  // points of the sweep, or the part that is wrong
  std::string what;   // one line: the error
  std::string fix;    // one line; may be empty
};

// The memory that the runs of some points need.
struct MemoryLine {
  std::string points;
  double host = 0, gpu = 0;  // bytes of a rank; gpu is 0 for runs on the processor
};

struct CheckResult {
  int64_t points = 0, assembled = 0, kinds = 0;  // kinds: points that differ in more than the seed
  std::vector<Defect> defects;
  std::vector<MemoryLine> memory;
};

// Composes every point, opens the data set of each kind of point with the header of every case, makes
// its splits, pools, batches and networks, estimates its memory and compares that with the request,
// and looks at the folders. Needs no GPU. Generated data sets are made if they are not there.
CheckResult check(const SplitRequest& request, World& world);

}  // namespace semiseg::cluster
