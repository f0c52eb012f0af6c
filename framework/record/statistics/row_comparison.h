// SPDX-License-Identifier: Apache-2.0
// Two rows of a section compared, and the verdict that a table may print.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/metrics/statistics/paired.h"
#include "framework/record/statistics/row_scores.h"

namespace semiseg {

enum class RowVerdict { kBetter, kWorse, kNotSeparable, kTooFewRuns, kNoPatients };

// "better", "worse", "not separable", "too few runs", "no common patients"
const char* to_string(RowVerdict verdict);

struct RowComparison {
  size_t reference = 0;         // row of the table
  int64_t paired_runs = 0;      // runs with a seed and draw that both rows have; 0: unpaired
  bool has_other_runs = false;  // a row has runs that the other lacks
  PairedComparison paired;  // over patients; positive where the row is better than the reference
  Interval two_way{kNoValue, kNoValue};  // of the same difference, over runs and patients
  double holm = kNoValue;                // adjusted signed-rank p
  RowVerdict verdict = RowVerdict::kNoPatients;
};

// A run of a row by its seed and draw.
using RunKey = std::pair<int64_t, int64_t>;

// Compares means over the runs that both rows have and patients with a finite value in both rows.
// Without a common run, the means over all runs, and no interval over runs. holm and verdict are
// left to settle_verdicts().
RowComparison compare_rows(const RowScores& row, const std::vector<RunKey>& row_runs,
                           const RowScores& reference, const std::vector<RunKey>& reference_runs,
                           bool higher_is_better, Resamples& resamples);

// Adjusts the comparisons of one section with one reference for one metric, and decides: better or
// worse when the adjusted p is below 0.05 and the two-way interval excludes 0; too few runs for
// fewer than three pairs.
void settle_verdicts(const std::vector<RowComparison*>& family);

}  // namespace semiseg
