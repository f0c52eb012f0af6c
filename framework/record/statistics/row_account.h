// SPDX-License-Identifier: Apache-2.0
// Numbers of a row that come from its runs' records: labels, cost, the tail of the validations; and
// its mean where no run has a cases.csv.
#pragma once

#include "framework/record/statistics/table_columns.h"

namespace semiseg {

// Means over the runs that have recorded it; NaN where none has.
struct RowAccount {
  double selection_patients = kNoValue, labels_touched = kNoValue;
  double device_seconds = kNoValue, peak_host_mib = kNoValue, peak_device_mib = kNoValue;
  double parameters = kNoValue;
  double forward_passes = kNoValue;  // a training step
  double tail_mean = kNoValue, tail_deviation = kNoValue;
};

RowAccount account_of(const TableLine& line);

// The mean over patients and its deviation over runs; for a row without cases.csv those of the
// summaries, over cases and classes.
double row_mean(const TableLine& line);
double row_seed_deviation(const TableLine& line);

}  // namespace semiseg
