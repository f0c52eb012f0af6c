// SPDX-License-Identifier: Apache-2.0
// Every column of the table, once: the full Markdown, CSV and JSON take names, units and values
// from this list.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/record/statistics/statistics_table.h"

namespace semiseg {

// One row, metric, part and reference.
struct TableLine {
  const StatisticsTable& table;
  size_t row;
  const MetricScores& metric;
  const RowComparison* comparison;  // null: there is no reference, or the row is it

  const ResultsRow& results() const { return table.results.rows[row]; }
  const RowScores& scores() const { return metric.rows[row]; }
};

// A text, or numbers: none, one, or the two ends of an interval. A number that does not exist is
// NaN.
struct TableValue {
  std::string text;
  std::vector<double> numbers;
};

enum class ColumnGroup { kRow, kTerms, kScores, kComparison, kRuns };

struct TableColumn {
  const char* key;    // in CSV and JSON; intervals have key_low and key_high in CSV
  const char* title;  // in Markdown; empty: not shown there
  ColumnGroup group;
  int digits;  // after the point in Markdown; -1: significant ones
  std::function<TableValue(const TableLine& line)> value;  // metrics in percent or their unit
};

const std::vector<TableColumn>& table_columns();

// Returns the lines of one metric and part for these rows, the references of a row one after
// another.
std::vector<TableLine> lines_of(const StatisticsTable& table, const MetricScores& metric,
                                const std::vector<size_t>& rows);

// Returns the unit of a metric in a table, "%", "voxel", "mm" or empty.
std::string unit_of(const MetricField& field, const EvaluationTerms& terms);

// Returns "NSD at 1 mm [%]".
std::string metric_title(const MetricField& field, const EvaluationTerms& terms);

}  // namespace semiseg
