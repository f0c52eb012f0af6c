// SPDX-License-Identifier: Apache-2.0
// The table with all its columns as Markdown.
#pragma once

#include <string>

#include "framework/record/statistics/statistics_table.h"

namespace semiseg {

// Three tables for each group of rows that may be compared: values and comparisons of each metric
// and part, and the runs with their labels and cost.
std::string to_full_markdown(const StatisticsTable& table);

}  // namespace semiseg
