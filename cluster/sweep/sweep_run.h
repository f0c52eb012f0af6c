// SPDX-License-Identifier: Apache-2.0
// Launches what is left of a sweep, and stays with it where its launcher needs that.
#pragma once

#include <filesystem>
#include <vector>

#include "cluster/sweep/definition.h"
#include "cluster/sweep/states.h"
#include "cluster/sweep/sweep_options.h"

namespace semiseg::cluster {

// Returns the exit code: 0 when all runs are done or a batch system has them, 1 when some failed, 5
// when it was stopped. SIGTERM and Ctrl-C pass to the runs, which save. The caller holds the lock
// of the sweep folder.
int launch_rest(const std::filesystem::path& sweep, const Definition& definition,
                SweepStates& states, const LaunchSetup& setup);

}  // namespace semiseg::cluster
