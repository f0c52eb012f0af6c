// SPDX-License-Identifier: Apache-2.0
// One metric of one row of a table, over its patients and runs.
#pragma once

#include <vector>

#include "framework/metrics/metric_schema.h"
#include "framework/metrics/statistics/intervals.h"
#include "framework/metrics/statistics/patient_values.h"
#include "framework/record/statistics/run_records.h"

namespace semiseg {

struct RowScores {
  std::vector<PatientValues> runs;      // of each run of the row, in their order
  PatientValues patients;               // their mean; empty when no run has a cases.csv
  double mean = kNoValue;               // over patients
  double seed_deviation = kNoValue;     // over the means of runs (n - 1)
  double draw_deviation = kNoValue;     // over the means of the draws of labelled patients
  double patient_deviation = kNoValue;  // over patients; never pooled with the other two
  PatientInterval interval{{kNoValue, kNoValue}, false};
  double gap = kNoValue;  // mean over runs of (selected - last weights); 0 where last is selected
  int64_t missing = 0;    // patients without a value in any run
};

// Tables of resamples, made once for each size.
class Resamples {
 public:
  const IndexTable& patients(size_t count);
  const IndexTable& runs(size_t count);

 private:
  std::map<size_t, IndexTable> patients_, runs_;
};

// Returns the mean over the patients of one run; NaN without any.
double mean_over_patients(const PatientValues& patients);

// `records` and `draws` are those of the runs of the row, in their order; `is_last`: the row
// selects its last weights.
RowScores score_row(const std::vector<const RunRecords*>& records,
                    const std::vector<int64_t>& draws, bool is_last, const MetricField& field,
                    const RowFilter& filter, Resamples& resamples);

}  // namespace semiseg
