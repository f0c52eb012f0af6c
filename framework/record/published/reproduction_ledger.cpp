// SPDX-License-Identifier: Apache-2.0
#include "framework/record/published/reproduction_ledger.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "framework/metrics/statistics/intervals.h"
#include "framework/record/shown_text.h"
#include "framework/record/statistics/short_cells.h"

namespace semiseg {
namespace {

bool is_strict(const ResultsRow& row) {
  const RunSummary& run = *row.runs.front().summary;
  const auto is_there = [](const std::map<std::string, std::string>& settings) {
    const auto found = settings.find("budget");
    return found != settings.end() && found->second == "\"strict\"";
  };
  return is_there(run.overridden) || (run.settings && is_there(*run.settings));
}

bool has_data(const StatisticsTable& table, const std::string& dataset) {
  const auto& rows = table.results.rows;
  return std::any_of(rows.begin(), rows.end(),
                     [&](const ResultsRow& row) { return row.dataset == dataset; });
}

std::optional<size_t> row_of(const StatisticsTable& table, const PublishedResult& published,
                             bool strict) {
  for (size_t i = 0; i < table.results.rows.size(); ++i) {
    const ResultsRow& row = table.results.rows[i];
    const bool selects_alike =
        strict || published.selection.empty() || row.terms.selection == published.selection;
    if (is_own_row(row, published) && is_strict(row) == strict && selects_alike) return i;
  }
  return std::nullopt;
}

double mean_of_row(const StatisticsTable& table, std::optional<size_t> row) {
  return row ? table.main().field.factor() * table.main().rows[*row].mean : kNoValue;
}

std::string signed_cell(double value) {
  return std::isnan(value) ? "–" : fmt::format("{:+.2f}", value);
}

// "80.10 to 82.30 (3)": Student's interval of the means of the runs.
std::string seeds_cell(const StatisticsTable& table, std::optional<size_t> row) {
  if (!row) return "–";
  std::vector<double> means;
  for (const PatientValues& run : table.main().rows[*row].runs) {
    const double mean = mean_over_patients(run);
    if (!std::isnan(mean)) means.push_back(table.main().field.factor() * mean);
  }
  if (means.size() < 2) return "one run";
  const Interval interval = student_interval(means);
  return fmt::format("{:.2f} to {:.2f} ({})", interval.low, interval.high, means.size());
}

std::string known(const std::string& text) {
  return text.empty() ? "unknown" : markdown_text(text);
}

std::string line(const StatisticsTable& table, const PublishedResult& p) {
  const MetricField& field = table.main().field;
  const auto value = p.values.find(field.name);
  const double published = value == p.values.end() ? kNoValue : value->second;
  const auto ours = row_of(table, p, false), strict = row_of(table, p, true);
  const std::string absent = has_data(table, p.dataset) ? "not run" : "data not here";
  const auto cell = [&](std::optional<size_t> row) {
    return row ? mean_cell(table, *row, table.main()) : absent;
  };
  const double selection = ours ? field.factor() * table.main().rows[*ours].gap : kNoValue;
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                     p.labelled > 0 ? std::to_string(p.labelled) : "unknown",
                     markdown_text(p.method),
                     std::isnan(published) ? "–" : fmt::format("{:.2f}", published),
                     known(p.selection), known(p.protocol), cell(ours), cell(strict),
                     signed_cell(published - mean_of_row(table, ours)), signed_cell(selection),
                     signed_cell(mean_of_row(table, ours) - mean_of_row(table, strict)),
                     seeds_cell(table, ours), known(p.source));
}

std::string section(const StatisticsTable& table, const std::string& dataset,
                    const std::vector<PublishedResult>& published,
                    const std::function<bool(const std::string&)>& has_method) {
  std::set<std::string> others;
  std::string lines;
  for (const PublishedResult& row : published) {
    if (row.dataset != dataset) continue;
    if (has_method(row.method)) {
      lines += line(table, row);
    } else {
      others.insert(row.method);
    }
  }
  const char* title = table.main().field.title;
  std::string text = fmt::format(
      "\n## {}\n\n| labelled | method | published {} | selected on | protocol | ours, as published "
      "| "
      "ours, strict | gap | selection | budget | 95 % over seeds | source |\n"
      "|---:|---|---:|---|---|---:|---:|---:|---:|---:|---:|---|\n",
      markdown_text(dataset), title);
  text += lines;
  if (!others.empty())
    text +=
        markdown_text(fmt::format("\nNot methods of this program: {}.", fmt::join(others, ", ")));
  return text + (others.empty() ? "" : "\n");
}

}  // namespace

std::string reproduction_ledger(const StatisticsTable& table,
                                const std::vector<PublishedResult>& published,
                                const std::function<bool(const std::string&)>& has_method) {
  std::string text =
      "# Reproductions\n\n"
      "Every published number of a method of this program, beside ours. *Ours, as published* "
      "selects "
      "its weights on the split\nthat the publication names; *ours, strict* reads no label outside "
      "the labelled patients before the final evaluation\n(`budget=strict`). Both: mean over "
      "patients ± deviation over runs. *Gap* is published minus ours as published. Its parts, as "
      "far\nas runs can tell: *selection*, our selected minus our last weights; *budget*, ours as "
      "published minus ours strict; and\n*95 % over seeds*, Student's interval of the means of our "
      "runs (how many), outside of which a gap is no accident of the\nseed. A line says *data not "
      "here* where no run of the data set was given, *not run* where others of it were.\n";
  std::vector<std::string> datasets;
  for (const PublishedResult& row : published) {
    if (std::find(datasets.begin(), datasets.end(), row.dataset) == datasets.end())
      datasets.push_back(row.dataset);
  }
  for (const std::string& dataset : datasets)
    text += section(table, dataset, published, has_method);
  return text;
}

}  // namespace semiseg
