// SPDX-License-Identifier: Apache-2.0
// 95 % intervals of a mean over patients.
#pragma once

#include <span>
#include <vector>

#include "framework/metrics/statistics/resampling.h"
#include "framework/metrics/statistics/sample.h"

namespace semiseg {

// Returns the bias-corrected and accelerated bootstrap interval (Efron 1987) of the mean: the
// acceleration by the jackknife, percentiles by linear interpolation. All equal: the value itself.
// NaN where every resample lies on one side of the mean. `table` has the size of `values`.
Interval bca_interval(std::span<const double> values, const IndexTable& table);

// Returns mean ± t · deviation / √n with n - 1 degrees; NaN for n < 2.
Interval student_interval(std::span<const double> values);

struct PatientInterval {
  Interval interval;
  bool is_student = false;  // marked "t" in tables
};

// Returns the interval that tables show: Student's for fewer than ten patients and where the
// bootstrap gives none, else that of the bootstrap.
PatientInterval patient_interval(std::span<const double> values, const IndexTable& table);

// Returns the percentiles 2.5 and 97.5 of the mean of `differences` [runs][patients], finite, when
// paired runs and patients are both resampled, the same patients for all runs: another training on
// other patients. The tables have as many resamples as each other.
Interval two_way_interval(const std::vector<std::vector<double>>& differences,
                          const IndexTable& runs, const IndexTable& patients);

}  // namespace semiseg
