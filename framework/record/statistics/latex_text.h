// SPDX-License-Identifier: Apache-2.0
// The table as LaTeX for a paper, with the rules of the package booktabs.
#pragma once

#include <string>

#include "framework/record/published/published_rows.h"

namespace semiseg {

// One tabular for each group of rows that may be compared: labels, method, runs, the first metric
// with its interval, difference and verdict, the means of the others. Published rows are grey
// (package xcolor).
std::string to_latex(const StatisticsTable& table,
                     const std::vector<PublishedResult>& published = {});

}  // namespace semiseg
