// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/short_cells.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "framework/record/statistics/row_account.h"
#include "framework/record/statistics/table_columns.h"

namespace semiseg {
namespace {

bool is_reference(const StatisticsTable& table, size_t row) {
  for (const auto& comparisons : table.main().comparisons) {
    for (const RowComparison& c : comparisons) {
      if (c.reference == row) return true;
    }
  }
  return false;
}

// The row minus its reference, in the metric's own direction and unit.
double shown_difference(const MetricField& field, double oriented) {
  return field.factor() * (field.higher_is_better ? oriented : -oriented);
}

std::string number_list(const std::set<int64_t>& numbers) {
  return fmt::format("{}", fmt::join(numbers, ", "));
}

// The rows of a group with this verdict against a reference.
std::vector<std::string> rows_with(const StatisticsTable& table, const RowGroup& group,
                                   size_t reference, RowVerdict verdict) {
  std::vector<std::string> names;
  const MetricField& field = table.main().field;
  for (const size_t row : group.rows) {
    for (const RowComparison& c : table.main().comparisons[row]) {
      if (c.reference != reference || c.verdict != verdict) continue;
      const bool is_decided = verdict == RowVerdict::kBetter || verdict == RowVerdict::kWorse;
      const double a = shown_difference(field, c.two_way.low),
                   b = shown_difference(field, c.two_way.high);
      names.push_back(is_decided ? fmt::format("{} ({:+.2f}, 95 % {:.2f} to {:.2f})",
                                               table.results.rows[row].method,
                                               shown_difference(field, c.paired.difference),
                                               std::min(a, b), std::max(a, b))
                                 : table.results.rows[row].method);
    }
  }
  return names;
}

std::string sentence_of(const StatisticsTable& table, const RowGroup& group, size_t reference) {
  std::vector<std::string> parts;
  for (const RowVerdict verdict :
       {RowVerdict::kBetter, RowVerdict::kWorse, RowVerdict::kNotSeparable, RowVerdict::kTooFewRuns,
        RowVerdict::kNoPatients}) {
    const auto names = rows_with(table, group, reference, verdict);
    if (!names.empty())
      parts.push_back(fmt::format("{}: {}", to_string(verdict), fmt::join(names, ", ")));
  }
  const ResultsRow& other = table.results.rows[reference];
  return fmt::format("{} labelled, {} against {}: {}.", other.labelled, table.main().field.title,
                     other.method, fmt::join(parts, "; "));
}

std::string rank_sentence(const StatisticsTable& table, const RowGroup& group) {
  std::vector<std::pair<double, size_t>> first;
  for (const size_t row : group.rows) {
    if (table.main().ranks[row]) first.emplace_back(-table.main().ranks[row]->p_first, row);
  }
  if (first.size() < 2) return "";
  std::stable_sort(first.begin(), first.end());
  std::vector<std::string> parts;
  for (const auto& [p, row] : first) {
    if (parts.size() < 3)
      parts.push_back(fmt::format("{} {:.2f}", table.results.rows[row].method, std::abs(p)));
  }
  std::string text =
      fmt::format("{} labelled, probability of rank 1 over resampled patients: {}",
                  table.results.rows[group.rows.front()].labelled, fmt::join(parts, ", "));
  if (!group.deciding.empty())
    text += fmt::format("; without {} another row is first", fmt::join(group.deciding, ", or "));
  return text + ".";
}

}  // namespace

std::string mean_cell(const StatisticsTable& table, size_t row, const MetricScores& metric) {
  const TableLine line{table, row, metric, nullptr};
  const double factor = metric.field.factor(), mean = row_mean(line),
               deviation = row_seed_deviation(line);
  if (std::isnan(mean)) return "–";
  std::string text = std::isinf(mean) ? "∞" : fmt::format("{:.2f}", factor * mean);
  if (std::isfinite(deviation)) text += fmt::format(" ± {:.2f}", factor * deviation);
  return text;
}

std::string interval_cell(const RowScores& scores, const MetricField& field) {
  const auto& [interval, is_student] = scores.interval;
  if (std::isnan(interval.low)) return "–";
  return fmt::format("{:.2f} to {:.2f}{}", field.factor() * interval.low,
                     field.factor() * interval.high, is_student ? " (t)" : "");
}

std::string difference_cell(const StatisticsTable& table, size_t row) {
  std::vector<std::string> parts;
  const auto& comparisons = table.main().comparisons[row];
  for (const RowComparison& c : comparisons) {
    if (c.paired.n == 0) continue;
    const std::string name =
        comparisons.size() < 2 ? "" : fmt::format(" ({})", table.results.rows[c.reference].method);
    parts.push_back(
        fmt::format("{:+.2f}{}", shown_difference(table.main().field, c.paired.difference), name));
  }
  return parts.empty() ? "–" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string verdict_cell(const StatisticsTable& table, size_t row) {
  std::vector<std::string> parts;
  for (const RowComparison& c : table.main().comparisons[row])
    parts.push_back(
        fmt::format("{}{}", to_string(c.verdict), c.paired_runs == 0 ? " (unpaired)" : ""));
  if (parts.empty()) return is_reference(table, row) ? "reference" : "–";
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string heading_text(const StatisticsTable& table, const std::vector<size_t>& rows) {
  std::set<std::string> patients, selections;
  std::set<int64_t> seeds, draws;
  size_t least = SIZE_MAX, most = 0;
  for (const size_t row : rows) {
    const ResultsRow& r = table.results.rows[row];
    for (const std::string& patient : table.patients_of(row)) patients.insert(patient);
    for (const auto& [seed, draw] : run_keys(r)) {
      seeds.insert(seed);
      draws.insert(draw);
    }
    selections.insert(r.terms.selection);
    least = std::min(least, r.runs.size());
    most = std::max(most, r.runs.size());
  }
  const std::string runs =
      least == most ? fmt::format("{}", most) : fmt::format("{} to {}", least, most);
  std::string text = patients.empty()
                         ? fmt::format("{} cases", table.results.rows[rows.front()].cases)
                         : fmt::format("{} patients ({} cases)", patients.size(),
                                       table.results.rows[rows.front()].cases);
  text += fmt::format("; {} run{} a row (seed{} {}", runs, most == 1 ? "" : "s",
                      seeds.size() == 1 ? "" : "s", number_list(seeds));
  if (draws.size() > 1)
    text += fmt::format("; draws of the labelled patients {}", number_list(draws));
  return text + fmt::format("); weights selected on {}", fmt::join(selections, " or "));
}

std::vector<std::string> verdict_sentences(const StatisticsTable& table, const RowGroup& group) {
  std::set<size_t> references;
  for (const size_t row : group.rows) {
    for (const RowComparison& c : table.main().comparisons[row]) references.insert(c.reference);
  }
  std::vector<std::string> sentences;
  for (const size_t reference : references)
    sentences.push_back(sentence_of(table, group, reference));
  const std::string ranks = rank_sentence(table, group);
  if (!ranks.empty()) sentences.push_back(ranks);
  return sentences;
}

}  // namespace semiseg
