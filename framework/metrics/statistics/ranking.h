// SPDX-License-Identifier: Apache-2.0
// Ranks of the rows of a section when patients are resampled, the same ones for all rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/metrics/statistics/resampling.h"
#include "framework/metrics/statistics/sample.h"

namespace semiseg {

struct RankStatistics {
  double p_first = 0;    // probability of rank 1; rows that tie for it share it
  double mean_rank = 0;  // 1 is the best; ties have their mean rank
  Interval interval{};   // percentiles 2.5 and 97.5 of the rank
};

// `rows` [row][patient] are finite, higher is better. Returns one entry for each row.
std::vector<RankStatistics> rank_rows(const std::vector<std::vector<double>>& rows,
                                      const IndexTable& table);

// Returns the patients without whom another row has the highest mean.
std::vector<int64_t> patients_that_decide(const std::vector<std::vector<double>>& rows);

}  // namespace semiseg
