// SPDX-License-Identifier: Apache-2.0
// The state of a sweep as text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/sweep/definition.h"
#include "cluster/sweep/states.h"

namespace semiseg::cluster {

// "8 runs: 3 done, 2 running, 3 pending".
std::string counts_text(const std::vector<PointState>& states);

// "done: method=bcp seed=0, Dice 87.1 %" of a point that has changed.
std::string change_text(const Definition& definition, const SweepStates& states, int64_t index);

// One line for each point that failed, timed out or cannot be told, ten at most.
std::vector<std::string> failure_lines(const Definition& definition,
                                       const std::vector<PointState>& states);
bool is_any_failed(const std::vector<PointState>& states);
bool is_any_open(const std::vector<PointState>& states);

// Counts, rate, time left, best run and failures: what a terminal shows. `now`: seconds since the
// epoch.
std::vector<std::string> status_lines(const Definition& definition,
                                      const std::vector<PointState>& states, int64_t now);

// The same and every point, as JSON.
std::string status_json(const std::filesystem::path& sweep, const Definition& definition,
                        const std::vector<PointState>& states);

}  // namespace semiseg::cluster
