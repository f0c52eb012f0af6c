// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/statistics/intervals.h"

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"
#include "framework/metrics/statistics/distributions.h"
#include "framework/metrics/surface_statistics.h"

namespace semiseg {
namespace {

constexpr size_t kFewPatients = 10;

std::vector<double> resampled_means(std::span<const double> values, const IndexTable& table) {
  std::vector<double> means, chosen(values.size());
  means.reserve(static_cast<size_t>(table.resamples));
  for (int64_t b = 0; b < table.resamples; ++b) {
    const auto positions = table.row(b);
    for (size_t i = 0; i < chosen.size(); ++i)
      chosen[i] = values[static_cast<size_t>(positions[i])];
    means.push_back(mean_of(chosen));
  }
  return means;
}

// Returns the part of the resampled means below that of the sample; equal ones count half.
double part_below(const std::vector<double>& means, double mean) {
  double below = 0;
  for (const double m : means) below += m < mean ? 1 : m == mean ? 0.5 : 0;
  return below / static_cast<double>(means.size());
}

// Returns Σ u³ / (6 (Σ u²)^1.5) of the jackknife influences u.
double acceleration(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  std::vector<double> left_out, others;
  for (size_t i = 0; i < values.size(); ++i) {
    others.assign(values.begin(), values.end());
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    left_out.push_back(mean_of(others));
  }
  const double centre = mean_of(left_out);
  double cubes = 0, squares = 0;
  for (const double mean : left_out) {
    const double u = (n - 1) * (centre - mean);
    cubes += u * u * u;
    squares += u * u;
  }
  return cubes / (n * n * n) / 6 / std::pow(squares / (n * n), 1.5);
}

double adjusted_level(double level, double bias, double acceleration) {
  const double z = bias + normal_quantile(level);
  return normal_cdf(bias + z / (1 - acceleration * z));
}

}  // namespace

Interval bca_interval(std::span<const double> values, const IndexTable& table) {
  SEMISEG_CHECK(table.size == static_cast<int64_t>(values.size()), "a resample has all patients");
  if (values.empty()) return {kNoValue, kNoValue};
  if (all_equal(values)) return {values.front(), values.front()};
  const std::vector<double> means = resampled_means(values, table);
  const double bias = normal_quantile(part_below(means, mean_of(values)));
  if (std::isinf(bias)) return {kNoValue, kNoValue};
  const double a = acceleration(values);
  return {percentile(means, adjusted_level(kLowTail, bias, a)),
          percentile(means, adjusted_level(kHighTail, bias, a))};
}

Interval student_interval(std::span<const double> values) {
  if (values.size() < 2) return {kNoValue, kNoValue};
  if (all_equal(values)) return {values.front(), values.front()};
  const auto n = static_cast<double>(values.size());
  const double mean = mean_of(values),
               reach = student_quantile(kHighTail, n - 1) * deviation_of(values) / std::sqrt(n);
  return {mean - reach, mean + reach};
}

PatientInterval patient_interval(std::span<const double> values, const IndexTable& table) {
  if (values.size() >= kFewPatients) {
    const Interval interval = bca_interval(values, table);
    if (!std::isnan(interval.low)) return {interval, false};
  }
  return {student_interval(values), true};
}

Interval two_way_interval(const std::vector<std::vector<double>>& differences,
                          const IndexTable& runs, const IndexTable& patients) {
  if (differences.empty() || differences.front().empty()) return {kNoValue, kNoValue};
  SEMISEG_CHECK(runs.resamples == patients.resamples, "one resample of runs for one of patients");
  std::vector<double> means, by_patient(differences.front().size());
  for (int64_t b = 0; b < runs.resamples; ++b) {
    std::fill(by_patient.begin(), by_patient.end(), 0.0);
    for (const int32_t run : runs.row(b)) {
      const std::vector<double>& row = differences[static_cast<size_t>(run)];
      for (size_t p = 0; p < row.size(); ++p) by_patient[p] += row[p];
    }
    double sum = 0;
    for (const int32_t p : patients.row(b)) sum += by_patient[static_cast<size_t>(p)];
    means.push_back(sum / static_cast<double>(runs.size * patients.size));
  }
  return {percentile(means, kLowTail), percentile(means, kHighTail)};
}

}  // namespace semiseg
