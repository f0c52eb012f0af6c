// SPDX-License-Identifier: Apache-2.0
// A command line has two parts: the run, and where and how runs are started. The second one has a
// configuration of its own (experiments/launch.toml), so that it is never part of a run.
#pragma once

#include "framework/config/compose.h"

namespace semiseg::cluster {

struct SplitRequest {
  ComposeRequest run;     // what `semiseg train` takes
  ComposeRequest launch;  // composes to the sections [cluster] and [sweep]
};

// Moves the overrides of the group cluster (cluster=slurm) and of keys in [cluster] and [sweep]
// (cluster.partition=gpu, +cluster.x=1, ~sweep.y) into the request of the launch. A text that is no
// override, zip(…) for one, stays with the run.
SplitRequest split_request(const ComposeRequest& request);

}  // namespace semiseg::cluster
