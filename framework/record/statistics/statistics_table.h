// SPDX-License-Identifier: Apache-2.0
// Runs → rows with their statistics over patients and runs: the one computation behind every form
// of the table and the figures of the report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "framework/metrics/statistics/ranking.h"
#include "framework/record/statistics/row_comparison.h"
#include "framework/record/tables/results_table.h"

namespace semiseg {

struct TableRequest {
  std::string metric = "dice";  // that stands first: its differences and verdicts are shown
  std::string
      against;        // the reference row, as the table names it; empty: the row of the supervised
                      // family and, for a method with a base, that of its base
  std::string per;    // "class", "domain" or "task": further parts; empty: none
  bool full = false;  // comparisons and ranks of every metric, not of the first one alone
};

// The rows of cases that a number is about: all, or those of one class, domain or task.
struct Part {
  std::string kind, name;  // both empty: all
  RowFilter filter;
};

// One metric of one part, for all rows of the table.
struct MetricScores {
  MetricField field;
  Part part;
  std::vector<RowScores> rows;
  std::vector<std::vector<RowComparison>> comparisons;  // of each row: one for each reference
  std::vector<std::optional<RankStatistics>> ranks;     // none: alone in its group
};

// Rows that may be compared: one section, label budget and kind of selection.
struct RowGroup {
  std::vector<size_t> rows;
  std::vector<std::string> deciding;  // patients without whom another row is first, first metric
};

struct StatisticsTable {
  ResultsTable results;
  std::vector<std::vector<RunRecords>> records;  // [row][run]
  std::vector<RowGroup> groups;
  std::vector<MetricScores> metrics;  // whole ones first, the metric asked for before the others
  std::vector<std::string> warnings;  // reasons to doubt a number, beside those of `results`

  const MetricScores& main() const { return metrics.front(); }
  // Returns the patients that any run of the row has cases of.
  std::vector<std::string> patients_of(size_t row) const;
};

// Throws kConfig for a metric or reference that is not there.
StatisticsTable make_statistics_table(const std::vector<FoundRun>& runs,
                                      const TableRequest& request = {});

// Returns the seed and draw of each run of the row.
std::vector<RunKey> run_keys(const ResultsRow& row);

}  // namespace semiseg
