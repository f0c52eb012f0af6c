// SPDX-License-Identifier: Apache-2.0
// The rows of metrics.jsonl by column, as the report plots them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/record/run/metrics_log.h"

namespace semiseg {

struct Curves {
  std::vector<int64_t> steps;  // steps over all stages
  // By name in order of appearance; one value for each step, NaN where a row lacks it.
  std::vector<std::pair<std::string, std::vector<double>>> values;
  int64_t every = 1;  // it holds every n-th row, n = `every`, and the last
};

// Returns the rows of training (split empty) or of the validation on a split. More than `most` rows
// are thinned evenly.
Curves curves_of(const std::vector<MetricsRow>& rows, const std::string& split, int64_t most);

struct StageSpan {
  std::string name;
  int64_t first, last;  // steps
};

std::vector<StageSpan> stage_spans(const std::vector<MetricsRow>& rows);

}  // namespace semiseg
