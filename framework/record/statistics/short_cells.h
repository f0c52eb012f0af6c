// SPDX-License-Identifier: Apache-2.0
// The cells and sentences of the short table, for Markdown and LaTeX alike.
#pragma once

#include <string>
#include <vector>

#include "framework/record/statistics/statistics_table.h"

namespace semiseg {

// "81.20 ± 0.46": mean over patients, and deviation over runs; "–" without a value.
std::string mean_cell(const StatisticsTable& table, size_t row, const MetricScores& metric);

// "78.10 to 83.90", with "(t)" after Student's interval.
std::string interval_cell(const RowScores& scores, const MetricField& field);

// "+4.39 (supervised)", one for each reference; "reference" for a row that others refer to.
std::string difference_cell(const StatisticsTable& table, size_t row);

// "better", "not separable", … one for each reference, "reference" for a row that others refer to.
std::string verdict_cell(const StatisticsTable& table, size_t row);

// One sentence for a paper: patients, cases, runs, seeds, draws, and what selected the weights.
std::string heading_text(const StatisticsTable& table, const std::vector<size_t>& rows);

// The verdicts of a group in sentences, and the row that stands first.
std::vector<std::string> verdict_sentences(const StatisticsTable& table, const RowGroup& group);

}  // namespace semiseg
