// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/statistics/patient_values.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "framework/metrics/statistics/sample.h"

namespace semiseg {
namespace {

PatientValues means_of_lists(const std::map<std::string, std::vector<double>>& lists) {
  PatientValues means;
  for (const auto& [name, values] : lists) means.emplace_hint(means.end(), name, mean_of(values));
  return means;
}

}  // namespace

PatientValues patient_values(const std::vector<EvaluationRow>& rows, const MetricField& field,
                             const RowFilter& filter) {
  std::map<std::pair<std::string_view, std::string_view>, std::vector<double>> cases;
  for (const EvaluationRow& row : rows) {
    if (filter && !filter(row)) continue;
    const double value = row.metrics.*field.value;
    if (std::isnan(value)) continue;
    cases[{row.patient, row.case_id}].push_back(field.mean_of_absolute ? std::abs(value) : value);
  }
  std::map<std::string, std::vector<double>> patients;
  for (const auto& [names, values] : cases)
    patients[std::string(names.first)].push_back(mean_of(values));
  return means_of_lists(patients);
}

PatientValues mean_over_runs(const std::vector<PatientValues>& runs) {
  std::map<std::string, std::vector<double>> lists;
  for (const PatientValues& run : runs) {
    for (const auto& [patient, value] : run) lists[patient].push_back(value);
  }
  return means_of_lists(lists);
}

std::vector<double> values_of(const PatientValues& patients) {
  std::vector<double> values;
  for (const auto& [name, value] : patients) values.push_back(value);
  return values;
}

}  // namespace semiseg
