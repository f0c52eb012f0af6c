// SPDX-License-Identifier: Apache-2.0
// Patients are the sample of every statistic: one value for each, however many cases and classes
// they have.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "framework/metrics/evaluator.h"

namespace semiseg {

// Patient → value. A patient without any value is absent.
using PatientValues = std::map<std::string, double>;

// Returns the mean over the cases of each patient of the mean over classes; entries that are
// excluded (NaN) are left out of the inner mean, and a case without any out of the outer one.
// With a filter only rows for which it is true take part.
using RowFilter = std::function<bool(const EvaluationRow& row)>;
PatientValues patient_values(const std::vector<EvaluationRow>& rows, const MetricField& field,
                             const RowFilter& filter = {});

// Returns the mean over runs for each patient of any of them, over the runs that have a value.
PatientValues mean_over_runs(const std::vector<PatientValues>& runs);

// The values alone, in the order of the patients' names.
std::vector<double> values_of(const PatientValues& patients);

}  // namespace semiseg
