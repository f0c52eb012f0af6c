// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/table_warnings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "framework/record/statistics/row_references.h"
#include "framework/record/statistics/statistics_table.h"

namespace semiseg {
namespace {

using Texts = std::vector<std::string>;

void warn_of_selection(const ResultsRow& row, Texts& texts) {
  if (!row.terms.selected_on_test()) return;
  texts.push_back(fmt::format(
      "{}: the weights were selected on the test split, which flatters them; the row is compared "
      "with rows selected so only",
      name_of(row)));
}

void warn_of_files(const StatisticsTable& table, size_t i, Texts& texts) {
  const ResultsRow& row = table.results.rows[i];
  size_t without = 0;
  for (size_t r = 0; r < row.runs.size(); ++r) {
    const RunRecords& run = table.records[i][r];
    without += run.selected.empty();
    for (const std::string& problem : run.problems)
      texts.push_back(fmt::format("{}: {}", row.runs[r].folder.string(), problem));
  }
  if (without == row.runs.size()) {
    texts.push_back(
        fmt::format("{}: no run has a cases.csv, so its means are those of summary.json "
                    "and there is no interval and no comparison",
                    name_of(row)));
  } else if (without > 0) {
    texts.push_back(fmt::format("{}: {} of {} runs have no cases.csv and are left out",
                                name_of(row), without, row.runs.size()));
  }
}

// Names the patients whom some runs of a row have and others lack.
void warn_of_patients(const StatisticsTable& table, size_t i, Texts& texts) {
  const ResultsRow& row = table.results.rows[i];
  std::map<std::string, size_t> runs_with;
  size_t runs = 0;
  for (const RunRecords& run : table.records[i]) {
    if (run.selected.empty()) continue;
    ++runs;
    std::set<std::string> patients;
    for (const EvaluationRow& entry : run.selected) patients.insert(entry.patient);
    for (const std::string& patient : patients) ++runs_with[patient];
  }
  Texts partial;
  for (const auto& [patient, count] : runs_with) {
    if (count < runs) partial.push_back(fmt::format("{} (in {} of {})", patient, count, runs));
  }
  if (!partial.empty()) {
    texts.push_back(fmt::format("{}: its runs are over different patients: {}", name_of(row),
                                fmt::join(partial, ", ")));
  }
  if (runs_with.size() == 1)
    texts.push_back(name_of(row) + ": one patient, so there is no interval and no test");
}

void warn_of_runs(const ResultsRow& row, Texts& texts) {
  if (row.runs.size() == 1)
    texts.push_back(name_of(row) + ": one run, so the spread over seeds is not known");
}

// Patients of the reference that the row lacks, and the other way round.
void warn_of_comparison(const StatisticsTable& table, size_t i, const RowComparison& c,
                        Texts& texts) {
  const ResultsRow &row = table.results.rows[i], &other = table.results.rows[c.reference];
  if (c.paired_runs == 0) {
    texts.push_back(fmt::format("{} and {} have no seed in common: their comparison is unpaired",
                                name_of(row), other.method));
  } else if (c.has_other_runs) {
    texts.push_back(
        fmt::format("{} and {} have {} of their seeds in common and are compared on these",
                    name_of(row), other.method, c.paired_runs));
  }
  const Texts ours = table.patients_of(i), theirs = table.patients_of(c.reference);
  if (ours.empty() || theirs.empty() || ours == theirs) return;
  Texts differing;
  std::set_symmetric_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                                std::back_inserter(differing));
  texts.push_back(
      fmt::format("{} and {} are over different patients and are compared on {} common "
                  "ones, without {}",
                  name_of(row), other.method, c.paired.n, fmt::join(differing, ", ")));
}

void warn_of_values(const StatisticsTable& table, size_t i, Texts& texts) {
  for (const MetricScores& metric : table.metrics) {
    if (!metric.part.kind.empty()) continue;
    const RowScores& row = metric.rows[i];
    const std::string name = name_of(table.results.rows[i]);
    if (row.missing > 0) {
      texts.push_back(fmt::format("{}: {} has no value for {} of its {} patients", name,
                                  metric.field.title, row.missing,
                                  row.missing + std::ssize(row.patients)));
    }
    if (std::isinf(row.mean))
      texts.push_back(fmt::format("{}: {} is infinite for a patient", name, metric.field.title));
  }
}

bool is_fully_labelled(const ResultsRow& row) {
  const auto& overridden = row.runs.front().summary->overridden;
  const auto found = overridden.find("labelled");
  return is_supervised(row) && found != overridden.end() && found->second == "\"all\"";
}

void warn_of_groups(const StatisticsTable& table, Texts& texts) {
  const std::vector<ResultsRow>& rows = table.results.rows;
  std::map<std::string, std::set<std::string>> conventions;
  for (const RowGroup& group : table.groups) {
    const ResultsRow& first = rows[group.rows.front()];
    const auto is_same_group = [&](size_t i) { return is_supervised(rows[i]); };
    const bool has_supervised = std::any_of(group.rows.begin(), group.rows.end(), is_same_group);
    const bool has_upper = std::any_of(rows.begin(), rows.end(), [&](const ResultsRow& row) {
      return row.same_section(first) && is_fully_labelled(row);
    });
    const std::string name = fmt::format("{}, {} labelled", first.dataset, first.labelled);
    if (!has_supervised) {
      texts.push_back(
          fmt::format("{}: no supervised row with as many labels: what the unlabelled "
                      "patients are worth is not known",
                      name));
    }
    if (!has_upper)
      texts.push_back(name + ": no fully labelled row: what more labels are worth is not known");
  }
  for (const ResultsRow& row : rows) {
    const EvaluationTerms& t = row.terms;
    conventions[row.dataset].insert(fmt::format("{}, {}, tolerance {}, {}, {} split, {} cases",
                                                t.definition, t.unit, t.tolerance, t.empty, t.split,
                                                row.cases));
  }
  for (const auto& [dataset, terms] : conventions) {
    if (terms.size() < 2) continue;
    texts.push_back(
        fmt::format("{}: runs are measured under {} conventions, which are never "
                    "compared: {}",
                    dataset, terms.size(), fmt::join(terms, " | ")));
  }
}

}  // namespace

std::string name_of(const ResultsRow& row) {
  return fmt::format("{}, {} labelled, {}", row.dataset, row.labelled, row.method);
}

std::vector<std::string> table_warnings(const StatisticsTable& table) {
  Texts texts;
  warn_of_groups(table, texts);
  for (size_t i = 0; i < table.results.rows.size(); ++i) {
    const ResultsRow& row = table.results.rows[i];
    warn_of_selection(row, texts);
    warn_of_files(table, i, texts);
    warn_of_patients(table, i, texts);
    warn_of_runs(row, texts);
    warn_of_values(table, i, texts);
    for (const RowComparison& c : table.main().comparisons[i])
      warn_of_comparison(table, i, c, texts);
  }
  return texts;
}

}  // namespace semiseg
