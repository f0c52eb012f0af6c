// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/row_scores.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace semiseg {
namespace {

const IndexTable& table_of(std::map<size_t, IndexTable>& tables, const char* name, size_t count) {
  const auto found = tables.find(count);
  if (found != tables.end()) return found->second;
  return tables.emplace(count, draw_positions(name, static_cast<int64_t>(count))).first->second;
}

// Means over the runs of each draw; one draw has no spread.
double deviation_over_draws(const std::vector<double>& means, const std::vector<int64_t>& draws) {
  std::map<int64_t, std::vector<double>> by_draw;
  for (size_t i = 0; i < means.size(); ++i) {
    if (!std::isnan(means[i])) by_draw[draws[i]].push_back(means[i]);
  }
  std::vector<double> of_draws;
  for (const auto& [draw, values] : by_draw) of_draws.push_back(mean_of(values));
  return deviation_of(of_draws);
}

std::vector<double> without_missing(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  return values;
}

double selection_gap(const std::vector<const RunRecords*>& records,
                     const std::vector<double>& means, const MetricField& field,
                     const RowFilter& filter) {
  std::vector<double> gaps;
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i]->last.empty()) continue;
    gaps.push_back(means[i] - mean_over_patients(patient_values(records[i]->last, field, filter)));
  }
  return mean_of(without_missing(gaps));
}

int64_t patients_without(const std::vector<const RunRecords*>& records, const RowFilter& filter,
                         const PatientValues& having) {
  std::set<std::string> missing;
  for (const RunRecords* run : records) {
    for (const EvaluationRow& row : run->selected) {
      if ((!filter || filter(row)) && !having.contains(row.patient)) missing.insert(row.patient);
    }
  }
  return std::ssize(missing);
}

}  // namespace

const IndexTable& Resamples::patients(size_t count) {
  return table_of(patients_, "patients", count);
}
const IndexTable& Resamples::runs(size_t count) { return table_of(runs_, "runs", count); }

double mean_over_patients(const PatientValues& patients) { return mean_of(values_of(patients)); }

RowScores score_row(const std::vector<const RunRecords*>& records,
                    const std::vector<int64_t>& draws, bool is_last, const MetricField& field,
                    const RowFilter& filter, Resamples& resamples) {
  RowScores scores;
  std::vector<double> means;
  for (const RunRecords* run : records) {
    scores.runs.push_back(patient_values(run->selected, field, filter));
    means.push_back(mean_over_patients(scores.runs.back()));
  }
  scores.patients = mean_over_runs(scores.runs);
  const std::vector<double> values = values_of(scores.patients);
  scores.mean = mean_of(values);
  scores.seed_deviation = deviation_of(without_missing(means));
  scores.draw_deviation = deviation_over_draws(means, draws);
  scores.patient_deviation = deviation_of(values);
  const bool is_finite =
      std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  if (is_finite) scores.interval = patient_interval(values, resamples.patients(values.size()));
  scores.gap = is_last && !values.empty() ? 0 : selection_gap(records, means, field, filter);
  scores.missing = patients_without(records, filter, scores.patients);
  return scores;
}

}  // namespace semiseg
