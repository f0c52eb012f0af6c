// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/latex_text.h"

#include <fmt/format.h>

#include <cmath>

#include "framework/record/shown_text.h"
#include "framework/record/statistics/row_account.h"
#include "framework/record/statistics/short_cells.h"

namespace semiseg {
namespace {

std::string latex(std::string_view text) {
  std::string escaped;
  for (const char c : one_line(text)) {
    if (c == '\\') {
      escaped += "\\textbackslash{}";
    } else if (c == '~' || c == '^') {
      escaped += fmt::format("\\{}{{}}", c);
    } else {
      if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) escaped += '\\';
      escaped += c;
    }
  }
  // The signs of the cells in the alphabet of every LaTeX.
  const std::pair<std::string_view, std::string_view> signs[] = {
      {"±", "$\\pm$"}, {"–", "--"}, {"−", "$-$"}, {"∞", "$\\infty$"}};
  for (const auto& [from, to] : signs) {
    for (size_t at = escaped.find(from); at != std::string::npos;
         at = escaped.find(from, at + to.size()))
      escaped.replace(at, from.size(), to);
  }
  return escaped;
}

std::vector<const MetricScores*> whole_metrics(const StatisticsTable& table) {
  std::vector<const MetricScores*> metrics;
  for (const MetricScores& metric : table.metrics) {
    if (metric.part.kind.empty()) metrics.push_back(&metric);
  }
  return metrics;
}

std::string row_text(const StatisticsTable& table, size_t row) {
  const auto metrics = whole_metrics(table);
  const ResultsRow& r = table.results.rows[row];
  std::string text =
      fmt::format("{} & {} & {} & {} & {} & {} & {}", r.labelled, latex(r.method), r.runs.size(),
                  latex(mean_cell(table, row, table.main())),
                  latex(interval_cell(table.main().rows[row], table.main().field)),
                  latex(difference_cell(table, row)), latex(verdict_cell(table, row)));
  for (size_t m = 1; m < metrics.size(); ++m)
    text += " & " + latex(mean_cell(table, row, *metrics[m]));
  return text + " \\\\\n";
}

std::string published_text(const StatisticsTable& table, const PublishedResult& row) {
  const auto value = [&](const MetricScores& metric) {
    const auto found = row.values.find(metric.field.name);
    return found == row.values.end() ? "--" : fmt::format("{:.2f}", found->second);
  };
  const auto metrics = whole_metrics(table);
  std::string text =
      fmt::format("\\rowcolor{{gray!15}} {} & {} (published) & -- & {} & -- & -- & --",
                  row.labelled, latex(row.method), value(table.main()));
  for (size_t m = 1; m < metrics.size(); ++m) text += " & " + value(*metrics[m]);
  return text + " \\\\\n";
}

std::string group_text(const StatisticsTable& table, const RowGroup& group,
                       const std::vector<PublishedResult>& published) {
  const auto metrics = whole_metrics(table);
  const ResultsRow& first = table.results.rows[group.rows.front()];
  std::string text =
      fmt::format("% {}\n\\begin{{tabular}}{{rlrrrrl", heading_text(table, group.rows));
  std::string titles = fmt::format(
      "labelled & method & runs & {} & 95 \\% interval & difference & "
      "verdict",
      latex(metric_title(table.main().field, first.terms)));
  for (size_t m = 1; m < metrics.size(); ++m) {
    text += "r";
    titles += " & " + latex(metric_title(metrics[m]->field, first.terms));
  }
  text += "}\n\\toprule\n" + titles + " \\\\\n\\midrule\n";
  for (const size_t row : group.rows) text += row_text(table, row);
  for (const PublishedResult& row : published) {
    if (row.dataset == first.dataset && row.labelled == first.labelled)
      text += published_text(table, row);
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace

std::string to_latex(const StatisticsTable& table, const std::vector<PublishedResult>& published) {
  std::string text = "% packages: booktabs, and colortbl with xcolor for published rows\n";
  for (const RowGroup& group : table.groups) text += group_text(table, group, published);
  return text;
}

}  // namespace semiseg
