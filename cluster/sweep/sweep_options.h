// SPDX-License-Identifier: Apache-2.0
// The options of section [sweep] and the launcher that a command line asks for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/launcher.h"
#include "cluster/sweep/states.h"
#include "framework/config/compose.h"

namespace semiseg::cluster {

struct SweepOptions {
  std::string root = "sweeps", directory, name;
  Sharing sharing;
  double budget = 0;  // seconds of training steps of each run; 0: none
  std::string costs;  // file of measured costs; empty: in the sweep folder

  static SweepOptions read(const Config& sweep);
};

struct LaunchSetup {
  SweepOptions options;
  std::vector<std::string> overrides;  // that it was composed from
  LauncherOf launcher;
};

// Composes the request of a launch (launch_config.h), reads all its options and makes the launcher.
// Throws kConfig, also for a key that nothing reads.
LaunchSetup read_launch(const ComposeRequest& launch);

}  // namespace semiseg::cluster
