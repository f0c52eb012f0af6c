// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/statistics_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "framework/core/error.h"
#include "framework/record/statistics/row_references.h"
#include "framework/record/statistics/table_warnings.h"

namespace semiseg {
namespace {

// Returns the shown fields without those that must be asked for and no run has.
std::vector<MetricField> fields_of(const std::vector<ResultsRow>& rows) {
  const std::vector<MetricField> shown = shown_metrics();
  std::vector<MetricField> fields;
  for (size_t i = 0; i < shown.size(); ++i) {
    const bool is_there = std::any_of(rows.begin(), rows.end(),
                                      [&](const ResultsRow& row) { return row.metrics[i].n > 0; });
    if (is_there || !shown[i].asked_as) fields.push_back(shown[i]);
  }
  return fields;
}

std::vector<MetricField> metrics_in_order(const std::vector<ResultsRow>& rows,
                                          const std::string& first) {
  std::vector<MetricField> fields = fields_of(rows);
  std::vector<std::string> names;
  for (const MetricField& field : fields) names.emplace_back(field.name);
  const auto found = std::find(names.begin(), names.end(), first);
  if (found == names.end()) {
    throw Error(ErrorKind::kConfig, {.what = "tables have no such metric",
                                     .where = "--metric",
                                     .expected = fmt::format("{}", fmt::join(names, ", ")),
                                     .got = first});
  }
  const auto place = fields.begin() + (found - names.begin());
  std::rotate(fields.begin(), place, place + 1);
  return fields;
}

// Patients of a collection are named "part/patient".
std::string task_of(const EvaluationRow& row) {
  const size_t slash = row.patient.find('/');
  return slash == std::string::npos ? "" : row.patient.substr(0, slash);
}

std::string part_name(const EvaluationRow& row, const std::string& kind) {
  return kind == "class" ? row.class_name : kind == "domain" ? row.centre : task_of(row);
}

// The parts of a kind, in the order of their first appearance.
std::vector<Part> parts_of(const StatisticsTable& table, const std::string& kind) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const auto& runs : table.records) {
    for (const RunRecords& run : runs) {
      for (const EvaluationRow& row : run.selected) {
        const std::string name = part_name(row, kind);
        if (!name.empty() && seen.insert(name).second) names.push_back(name);
      }
    }
  }
  std::vector<Part> parts;
  for (const std::string& name : names) {
    parts.push_back({kind, name, [kind, name](const EvaluationRow& row) {
                       return part_name(row, kind) == name;
                     }});
  }
  return parts;
}

std::vector<RowGroup> groups_of(const std::vector<ResultsRow>& rows) {
  std::vector<RowGroup> groups;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto own = std::find_if(groups.begin(), groups.end(), [&](const RowGroup& group) {
      return may_compare(rows[group.rows.front()], rows[i]);
    });
    if (own == groups.end()) {
      groups.push_back({{i}, {}});
    } else {
      own->rows.push_back(i);
    }
  }
  return groups;
}

MetricScores score_rows(const StatisticsTable& table, const MetricField& field, const Part& part,
                        Resamples& resamples) {
  const size_t count = table.results.rows.size();
  MetricScores scores{.field = field, .part = part};
  for (size_t i = 0; i < count; ++i) {
    const ResultsRow& row = table.results.rows[i];
    std::vector<const RunRecords*> records;
    std::vector<int64_t> draws;
    for (const RunRecords& run : table.records[i]) records.push_back(&run);
    for (const auto& [seed, draw] : run_keys(row)) draws.push_back(draw);
    const bool is_last = row.terms.selection == "last";
    scores.rows.push_back(score_row(records, draws, is_last, field, part.filter, resamples));
  }
  scores.comparisons.resize(count);
  scores.ranks.resize(count);
  return scores;
}

void compare(MetricScores& scores, const StatisticsTable& table,
             const std::vector<std::vector<size_t>>& references, Resamples& resamples) {
  std::map<size_t, std::vector<RowComparison*>> families;
  for (size_t i = 0; i < scores.rows.size(); ++i) {
    for (const size_t reference : references[i]) {
      RowComparison c = compare_rows(
          scores.rows[i], run_keys(table.results.rows[i]), scores.rows[reference],
          run_keys(table.results.rows[reference]), scores.field.higher_is_better, resamples);
      c.reference = reference;
      scores.comparisons[i].push_back(std::move(c));
    }
  }
  for (auto& of_row : scores.comparisons) {
    for (RowComparison& c : of_row) families[c.reference].push_back(&c);
  }
  for (auto& [reference, family] : families) settle_verdicts(family);
}

// Values of the rows of a group [row][patient], oriented, of the patients that all rows have.
struct CommonPatients {
  std::vector<size_t> rows;
  std::vector<std::string> names;
  std::vector<std::vector<double>> values;
};

CommonPatients common_patients(const MetricScores& scores, const RowGroup& group) {
  CommonPatients common;
  for (const size_t row : group.rows) {
    if (!scores.rows[row].patients.empty()) common.rows.push_back(row);
  }
  common.values.resize(common.rows.size());
  if (common.rows.empty()) return common;
  const double sign = scores.field.higher_is_better ? 1 : -1;
  for (const auto& [name, value] : scores.rows[common.rows.front()].patients) {
    std::vector<double> values;
    for (const size_t row : common.rows) {
      const auto found = scores.rows[row].patients.find(name);
      const bool is_there =
          found != scores.rows[row].patients.end() && std::isfinite(found->second);
      if (is_there) values.push_back(sign * found->second);
    }
    if (values.size() != common.rows.size()) continue;
    common.names.push_back(name);
    for (size_t k = 0; k < values.size(); ++k) common.values[k].push_back(values[k]);
  }
  return common;
}

void rank(MetricScores& scores, std::vector<RowGroup>& groups, bool is_main, Resamples& resamples) {
  for (RowGroup& group : groups) {
    const CommonPatients common = common_patients(scores, group);
    if (common.rows.size() < 2 || common.names.size() < 2) continue;
    const auto ranks = rank_rows(common.values, resamples.patients(common.names.size()));
    for (size_t k = 0; k < common.rows.size(); ++k) scores.ranks[common.rows[k]] = ranks[k];
    if (!is_main) continue;
    for (const int64_t patient : patients_that_decide(common.values))
      group.deciding.push_back(common.names[static_cast<size_t>(patient)]);
  }
}

}  // namespace

std::vector<std::string> StatisticsTable::patients_of(size_t row) const {
  std::set<std::string> names;
  for (const RunRecords& run : records[row]) {
    for (const EvaluationRow& entry : run.selected) names.insert(entry.patient);
  }
  return {names.begin(), names.end()};
}

std::vector<RunKey> run_keys(const ResultsRow& row) {
  std::vector<RunKey> keys;
  for (const FoundRun& run : row.runs) keys.emplace_back(run.summary->seed, draw_of(*run.summary));
  return keys;
}

StatisticsTable make_statistics_table(const std::vector<FoundRun>& runs,
                                      const TableRequest& request) {
  StatisticsTable table{.results = make_results_table(runs)};
  for (const ResultsRow& row : table.results.rows) {
    table.records.emplace_back();
    for (const FoundRun& run : row.runs)
      table.records.back().push_back(read_run_records(run.folder, *run.summary));
  }
  table.groups = groups_of(table.results.rows);
  Resamples resamples;
  std::vector<Part> parts = {{}};
  if (!request.per.empty()) {
    const std::vector<Part> more = parts_of(table, request.per);
    parts.insert(parts.end(), more.begin(), more.end());
  }
  const auto references = references_of(table.results.rows, request.against);
  const std::vector<MetricField> fields = metrics_in_order(table.results.rows, request.metric);
  for (const Part& part : parts) {
    for (const MetricField& field : fields) {
      MetricScores scores = score_rows(table, field, part, resamples);
      const bool is_first = field.name == fields.front().name;
      if (is_first || request.full) {
        compare(scores, table, references, resamples);
        rank(scores, table.groups, is_first && part.kind.empty(), resamples);
      }
      table.metrics.push_back(std::move(scores));
    }
  }
  table.warnings = table_warnings(table);
  return table;
}

}  // namespace semiseg
