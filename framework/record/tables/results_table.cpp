// SPDX-License-Identifier: Apache-2.0
#include "framework/record/tables/results_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "framework/record/row_labels.h"
#include "framework/record/run/run_settings.h"

namespace semiseg {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

auto section_key(const std::string& dataset, const EvaluationTerms& terms, int64_t cases,
                 bool label_based) {
  return std::make_tuple(dataset, terms.split, terms.definition, terms.unit, terms.tolerance,
                         terms.empty, cases, label_based);
}

// Rows of the chosen files stand before those with changed settings.
auto row_key(const RunSummary& s) {
  const auto chosen = chosen_by_hand(s);
  return std::make_tuple(
      section_key(s.dataset, s.terms, s.metrics.cases, s.label_based_preparation), s.labelled,
      s.method, s.backbone, s.choices, chosen.size(), chosen, s.terms.selection);
}

// Returns the finished runs. One of an older version, which recorded no choices, takes those of a
// run with the same settings, so that both stand in one row.
std::vector<FoundRun> with_choices(std::vector<FoundRun> runs) {
  std::map<std::string, RunSummary> known;
  std::erase_if(runs, [](const FoundRun& run) { return !run.summary; });
  for (const FoundRun& run : runs) {
    if (!run.summary->choices.empty()) known.emplace(run.summary->settings_hash, *run.summary);
  }
  for (FoundRun& run : runs) {
    const auto same = known.find(run.summary->settings_hash);
    if (!run.summary->choices.empty() || run.summary->settings_hash.empty() || same == known.end())
      continue;
    run.summary->choices = same->second.choices;
    run.summary->overridden = same->second.overridden;
  }
  return runs;
}

struct Members {
  std::vector<const RunSummary*> runs;
  std::vector<std::filesystem::path> folders;
};

// A run of a row by the draw of its labelled patients and its seed.
std::pair<int64_t, int64_t> place_of(const RunSummary& summary) {
  return {draw_of(summary), summary.seed};
}

using Runs = std::vector<const RunSummary*>;

constexpr int64_t kFewIterations = 100;

SeedStatistics over_seeds(const Runs& runs, const MetricField& field) {
  std::vector<double> values;
  for (const RunSummary* run : runs) {
    const double value = (run->metrics.overall.*field.mean).mean;
    if (!std::isnan(value)) values.push_back(value);
  }
  return seed_statistics(values);
}

// Returns the runs by draw and seed.
std::vector<FoundRun> runs_of(const Members& members) {
  std::vector<FoundRun> runs;
  for (size_t i = 0; i < members.runs.size(); ++i)
    runs.push_back({.folder = members.folders[i], .summary = *members.runs[i]});
  std::stable_sort(runs.begin(), runs.end(), [](const FoundRun& a, const FoundRun& b) {
    return place_of(*a.summary) < place_of(*b.summary);
  });
  return runs;
}

ResultsRow make_row(const Members& members) {
  const Runs& runs = members.runs;
  const RunSummary& first = *runs.front();
  ResultsRow row{.dataset = first.dataset,
                 .terms = first.terms,
                 .cases = first.metrics.cases,
                 .label_based_preparation = first.label_based_preparation,
                 .labelled = first.labelled,
                 .method = first.method,
                 .backbone = first.backbone,
                 .choices = chosen_by_hand(first),
                 .runs = runs_of(members)};
  for (const RunSummary* run : runs) {
    row.seeds.push_back(run->seed);
    row.both_empty += run->metrics.overall.both_empty;
    row.missed += run->metrics.overall.missed;
    row.false_positive += run->metrics.overall.false_positive;
  }
  std::sort(row.seeds.begin(), row.seeds.end());
  for (const MetricField& field : shown_metrics()) {
    row.metrics.push_back(over_seeds(runs, field));
  }
  return row;
}

// Warns when the runs of a row differ in more than the seed.
void warn_of_settings(const Members& members, const ResultsRow& row,
                      std::vector<std::string>& warnings) {
  // The draw is one of the settings, so those of each draw are compared.
  std::map<int64_t, std::set<std::string>> of_draws;
  for (const RunSummary* run : members.runs) {
    if (!run->settings_hash.empty()) of_draws[draw_of(*run)].insert(run->settings_hash);
  }
  std::set<std::string> settings;
  for (const auto& [draw, hashes] : of_draws) {
    if (hashes.size() > 1) settings.insert(hashes.begin(), hashes.end());
  }
  if (settings.empty()) return;
  const std::string which = differing_settings(members.folders);
  warnings.push_back(fmt::format("{}, {} labelled, {}: the row mixes {} different settings ({})",
                                 row.dataset, row.labelled, row.method, settings.size(),
                                 which.empty() ? "config.toml of its runs says which" : which));
}

// Warns of smoke runs: a few steps show that the program works, and nothing of a method.
void warn_of_smoke(const Runs& runs, const ResultsRow& row, std::vector<std::string>& warnings) {
  int64_t least = kFewIterations;
  for (const RunSummary* run : runs) {
    if (run->iterations > 0) least = std::min(least, run->iterations);
  }
  if (least == kFewIterations) return;
  warnings.push_back(
      fmt::format("{}, {} labelled, {}: a smoke run of {} iterations, which are too few to find "
                  "anything; it shows only that all works",
                  row.dataset, row.labelled, row.method, least));
}

// Warns when a seed occurs twice for one draw in a mean over seeds.
void warn_of_twins(const ResultsRow& row, std::vector<std::string>& warnings) {
  std::map<std::pair<int64_t, int64_t>, int64_t> counts;
  for (const FoundRun& run : row.runs) ++counts[place_of(*run.summary)];
  for (const auto& [place, count] : counts) {
    if (count < 2) continue;
    const std::string draw = place.first == 0 ? "" : fmt::format(" of draw {}", place.first);
    warnings.push_back(fmt::format("{}, {} labelled, {}: seed {}{} stands for {} runs", row.dataset,
                                   row.labelled, row.method, place.second, draw, count));
  }
}

void warn(const Members& members, const ResultsRow& row, std::vector<std::string>& warnings) {
  warn_of_smoke(members.runs, row, warnings);
  warn_of_settings(members, row, warnings);
  warn_of_twins(row, warnings);
}

}  // namespace

SeedStatistics seed_statistics(const std::vector<double>& values) {
  SeedStatistics s{.mean = kNone, .deviation = kNone, .n = static_cast<int64_t>(values.size())};
  if (values.empty()) return s;
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  s.mean = sum / static_cast<double>(s.n);
  for (const double value : values) squares += (value - s.mean) * (value - s.mean);
  if (s.n > 1) s.deviation = std::sqrt(squares / static_cast<double>(s.n - 1));
  return s;
}

bool ResultsRow::same_section(const ResultsRow& other) const {
  return section_key(dataset, terms, cases, label_based_preparation) ==
         section_key(other.dataset, other.terms, other.cases, other.label_based_preparation);
}

ResultsTable make_results_table(const std::vector<FoundRun>& runs) {
  ResultsTable table;
  std::map<decltype(row_key(std::declval<RunSummary>())), Members> groups;
  for (const FoundRun& run : runs) {
    if (!run.summary) table.unfinished.push_back(run.folder.string() + ": " + run.unfinished);
  }
  const std::vector<FoundRun> finished = with_choices(runs);
  for (const FoundRun& run : finished) {
    Members& members = groups[row_key(*run.summary)];
    members.runs.push_back(&*run.summary);
    members.folders.push_back(run.folder);
  }
  for (const auto& [key, members] : groups) table.rows.push_back(make_row(members));
  label_rows(table.rows);
  size_t row = 0;
  for (const auto& [key, members] : groups) warn(members, table.rows[row++], table.warnings);
  return table;
}

}  // namespace semiseg
