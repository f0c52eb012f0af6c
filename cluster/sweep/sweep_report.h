// SPDX-License-Identifier: Apache-2.0
// The part of a sweep's report that shows all its runs: a grid of configurations and seeds.
#pragma once

#include <string>
#include <vector>

#include "cluster/sweep/definition.h"
#include "cluster/sweep/states.h"
#include "framework/record/tables/finished_runs.h"

namespace semiseg::cluster {

// Returns a <section> for report_page(): one row for each configuration, one column for each seed,
// the Dice or the state of the run in it, mean ± deviation over the seeds, and the failures.
std::string sweep_section(const Definition& definition, const std::vector<PointState>& states);

// Returns the runs whose curves and scores the page shows: the started ones, and of more than 40
// the ones with the highest Dice.
std::vector<FoundRun> shown_runs(const std::vector<FoundRun>& runs);

}  // namespace semiseg::cluster
