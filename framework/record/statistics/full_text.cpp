// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/full_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "framework/record/shown_text.h"
#include "framework/record/statistics/table_columns.h"

namespace semiseg {
namespace {

std::string shown(double value, int digits) {
  if (std::isnan(value)) return "–";
  if (std::isinf(value)) return value > 0 ? "∞" : "−∞";
  return digits < 0 ? fmt::format("{:.2g}", value) : fmt::format("{:.{}f}", value, digits);
}

std::string cell_of(const TableColumn& column, const TableLine& line) {
  const TableValue value = column.value(line);
  if (value.numbers.size() == 2) {
    if (std::isnan(value.numbers[0])) return "–";
    return fmt::format("{} to {}", shown(value.numbers[0], column.digits),
                       shown(value.numbers[1], column.digits));
  }
  if (value.numbers.size() == 1) return shown(value.numbers.front(), column.digits);
  return value.text.empty() ? "–" : markdown_text(value.text);
}

std::string table_of(const std::vector<TableLine>& lines, ColumnGroup group) {
  std::vector<const TableColumn*> columns;
  for (const TableColumn& column : table_columns()) {
    const bool is_in = column.group == group || column.group == ColumnGroup::kRow;
    if (is_in && *column.title) columns.push_back(&column);
  }
  std::string text = "|", rule = "|";
  for (const TableColumn* column : columns) {
    text += fmt::format(" {} |", column->title);
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (const TableLine& line : lines) {
    text += "|";
    for (const TableColumn* column : columns) text += fmt::format(" {} |", cell_of(*column, line));
    text += "\n";
  }
  return text;
}

// One line a row: the values do not depend on the reference.
std::vector<TableLine> first_lines(const std::vector<TableLine>& lines) {
  std::vector<TableLine> first;
  for (const TableLine& line : lines) {
    if (first.empty() || first.back().row != line.row) first.push_back(line);
  }
  return first;
}

std::vector<TableLine> with_reference(const std::vector<TableLine>& lines) {
  std::vector<TableLine> compared;
  for (const TableLine& line : lines) {
    if (line.comparison) compared.push_back(line);
  }
  return compared;
}

std::string group_text(const StatisticsTable& table, const RowGroup& group) {
  const ResultsRow& first = table.results.rows[group.rows.front()];
  std::string text = fmt::format("\n## {}, {} split, {} labelled{}\n", markdown_text(first.dataset),
                                 markdown_text(first.terms.split), first.labelled,
                                 first.terms.selected_on_test() ? ", selected on test" : "");
  for (const MetricScores& metric : table.metrics) {
    const std::vector<TableLine> lines = lines_of(table, metric, group.rows);
    const std::string part =
        metric.part.kind.empty() ? "" : fmt::format(", {} {}", metric.part.kind, metric.part.name);
    text += fmt::format("\n### {}{}\n\n", one_line(metric_title(metric.field, first.terms)),
                        markdown_text(part));
    text += table_of(first_lines(lines), ColumnGroup::kScores);
    const std::vector<TableLine> compared = with_reference(lines);
    if (!compared.empty()) text += "\n" + table_of(compared, ColumnGroup::kComparison);
  }
  return text + "\n### Runs\n\n" +
         table_of(first_lines(lines_of(table, table.main(), group.rows)), ColumnGroup::kRuns);
}

}  // namespace

std::string to_full_markdown(const StatisticsTable& table) {
  std::string text;
  for (const RowGroup& group : table.groups) text += group_text(table, group);
  return text;
}

}  // namespace semiseg
