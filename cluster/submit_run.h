// SPDX-License-Identifier: Apache-2.0
// semiseg train cluster=slurm: hands the run to a batch system instead of training here.
#pragma once

#include <string>
#include <vector>

#include "cluster/launch_config.h"

namespace semiseg::cluster {

// Returns true when the command asks for a launcher that is not this machine.
bool is_for_batch_system(const SplitRequest& request);

// Checks the run as far as that goes without its data, submits it and returns 0; `arguments` are
// those of the verb. A run that is done, waits or runs already is said and not submitted again.
// Throws kConfig for a run or a request that cannot work.
int submit_run(const SplitRequest& request, const std::vector<std::string>& arguments);

}  // namespace semiseg::cluster
