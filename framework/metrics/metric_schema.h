// SPDX-License-Identifier: Apache-2.0
// Every metric, once. Evaluation, its files, tables, console text and report go through this list:
// a new metric is a member of MetricValues, its computation in compute_metrics() and a field here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/metrics/metrics.h"

namespace semiseg {

// Mean over those rows that have a value.
struct MetricMean {
  double mean = 0;  // NaN when count is 0
  int64_t count = 0;
};

enum class MetricUnit { kPercent, kDistance, kNone };

// The value of a class whose prediction or reference is empty, under EmptyPolicy::kExclude.
enum class AbsentClass {
  kOverlap,   // 1 when both are empty, else 0
  kMissing,   // NaN
  kComputed,  // the computation gives it
};

struct MetricField {
  const char* name;   // in cases.csv, summary.json, tables as CSV: on disk, do not rename
  const char* title;  // in tables and the report
  const char* brief;  // on the console
  MetricUnit unit = MetricUnit::kNone;
  bool higher_is_better = true;
  bool at_tolerance = false;  // depends on MetricOptions::tolerance; headings show it
  bool shown = true;          // in tables, on the console, in the report; files have all
  bool mean_of_absolute = false;
  bool of_surfaces = false;  // NaN when MetricOptions::distances is off
  AbsentClass absent = AbsentClass::kMissing;
  // The version of the files in which it first appears, never less than that of the field before.
  // When files of older versions are read, it is NaN.
  int64_t since = 0;
  double MetricValues<double>::*value = nullptr;
  MetricMean MetricValues<MetricMean>::*mean = nullptr;
  // Entry of evaluation.metrics for which it is measured; nullptr: always. Files, tables, console
  // and report leave such a field out where no row has a value.
  const char* asked_as = nullptr;
  const char* meaning = nullptr;  // for the definitions of the report; nullptr: page.html has it

  double factor() const { return unit == MetricUnit::kPercent ? 100 : 1; }  // value → unit
};

// Returns all fields in the order of files and tables.
const std::vector<MetricField>& metric_schema();

// Returns the fields that tables, console and report show, in the same order.
std::vector<MetricField> shown_metrics();

// Returns the entries that evaluation.metrics may have, in the order of the fields.
std::vector<std::string> metrics_to_ask();

// For tests: adds a field at the end of the schema as long as the object lives. No other thread may
// use the schema while the object is constructed or destroyed.
class ExtraMetricField {
 public:
  explicit ExtraMetricField(const MetricField& field);
  ~ExtraMetricField();
  ExtraMetricField(const ExtraMetricField&) = delete;
  ExtraMetricField& operator=(const ExtraMetricField&) = delete;
};

}  // namespace semiseg
