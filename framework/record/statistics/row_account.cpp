// SPDX-License-Identifier: Apache-2.0
#include "framework/record/statistics/row_account.h"

#include <cmath>
#include <functional>

namespace semiseg {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;

template <class Value>
double mean_over_records(const std::vector<RunRecords>& runs, Value value) {
  std::vector<double> values;
  for (const RunRecords& run : runs) {
    const double one = value(run);
    if (!std::isnan(one)) values.push_back(one);
  }
  return mean_of(values);
}

// Zero stands for a number that the run did not record.
template <class Member>
double mean_of_account(const std::vector<RunRecords>& runs, Member member, bool zero_is_a_value) {
  return mean_over_records(runs, [&](const RunRecords& run) {
    if (!run.account) return kNoValue;
    const auto value = static_cast<double>((*run.account).*member);
    return value == 0 && !zero_is_a_value ? kNoValue : value;
  });
}

// Returns the statistics of the metric in the summaries of the row.
SeedStatistics of_summaries(const TableLine& line) {
  const std::vector<MetricField> fields = shown_metrics();
  for (size_t i = 0; i < fields.size(); ++i) {
    const bool is_whole = line.metric.part.kind.empty();
    if (is_whole && fields[i].name == line.metric.field.name) return line.results().metrics[i];
  }
  return {kNoValue, kNoValue, 0};
}

}  // namespace

RowAccount account_of(const TableLine& line) {
  const std::vector<RunRecords>& runs = line.table.records[line.row];
  RowAccount a;
  a.selection_patients = mean_of_account(runs, &RunAccount::selection_patients, true);
  if (line.results().terms.selection == "last") a.selection_patients = 0;
  a.forward_passes = mean_over_records(runs, [](const RunRecords& run) {
    if (!run.account || run.account->counted_steps == 0) return kNoValue;
    return run.account->forward_passes / static_cast<double>(run.account->counted_steps);
  });
  a.labels_touched = mean_of_account(runs, &RunAccount::labels_touched, false);
  a.device_seconds = mean_of_account(runs, &RunAccount::device_seconds, false);
  a.peak_host_mib = mean_of_account(runs, &RunAccount::peak_host_bytes, false) / kMiB;
  a.peak_device_mib = mean_of_account(runs, &RunAccount::peak_device_bytes, false) / kMiB;
  a.parameters = mean_of_account(runs, &RunAccount::parameters, false);
  a.tail_mean = mean_over_records(
      runs, [](const RunRecords& run) { return run.tail ? run.tail->mean : kNoValue; });
  a.tail_deviation = mean_over_records(
      runs, [](const RunRecords& run) { return run.tail ? run.tail->deviation : kNoValue; });
  return a;
}

double row_mean(const TableLine& line) {
  return line.scores().patients.empty() ? of_summaries(line).mean : line.scores().mean;
}

double row_seed_deviation(const TableLine& line) {
  return line.scores().patients.empty() ? of_summaries(line).deviation
                                        : line.scores().seed_deviation;
}

}  // namespace semiseg
