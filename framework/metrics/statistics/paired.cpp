// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/statistics/paired.h"

#include <algorithm>
#include <cmath>

#include "framework/metrics/statistics/distributions.h"

namespace semiseg {
namespace {

// Returns difference · √n / deviation, infinite for a deviation of 0, NaN where both are 0.
double student_t(double difference, double deviation, int64_t n) {
  return difference * std::sqrt(static_cast<double>(n)) / deviation;
}

void set_student(PairedComparison& c) {
  const auto degrees = static_cast<double>(c.n - 1);
  const double error = c.deviation / std::sqrt(static_cast<double>(c.n));
  const double reach = student_quantile(kHighTail, degrees) * error;
  c.interval = {c.difference - reach, c.difference + reach};
  const double t = student_t(c.difference, c.deviation, c.n);
  c.t_p = std::isnan(t) ? 1 : 2 * student_cdf(-std::abs(t), degrees);
  c.effect = std::isnan(t) ? 0 : c.difference / c.deviation;
}

}  // namespace

PairedComparison compare_paired(std::span<const double> differences) {
  PairedComparison c{.n = static_cast<int64_t>(differences.size()),
                     .difference = mean_of(differences),
                     .deviation = deviation_of(differences),
                     .interval = {kNoValue, kNoValue},
                     .signed_rank = signed_rank(differences),
                     .t_p = kNoValue,
                     .effect = kNoValue,
                     .p_false = kNoValue};
  for (const double d : differences) (d > 0 ? c.wins : d < 0 ? c.losses : c.ties) += 1;
  if (c.n < 2) return c;
  if (c.deviation == 0) c.difference = differences.front();
  set_student(c);
  c.p_false = lead_is_false(c.difference, c.deviation, c.n);
  return c;
}

double lead_is_false(double difference, double deviation, int64_t n) {
  if (n < 2) return kNoValue;
  const double t = student_t(difference, deviation, n);
  const bool is_both_zero = difference == 0 && deviation == 0;
  if (std::isnan(t)) return is_both_zero ? 0.5 : kNoValue;
  return student_cdf(-t, static_cast<double>(n - 1));
}

double lead_is_false(const PublishedRow& a, const PublishedRow& b, int64_t n, double correlation) {
  const double variance = a.deviation * a.deviation + b.deviation * b.deviation -
                          2 * correlation * a.deviation * b.deviation;
  return lead_is_false(a.mean - b.mean, std::sqrt(std::max(0.0, variance)), n);
}

std::vector<double> holm_adjusted(std::span<const double> p) {
  std::vector<size_t> order;
  for (size_t i = 0; i < p.size(); ++i) {
    if (!std::isnan(p[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size(), kNoValue);
  double largest = 0;
  for (size_t step = 0; step < order.size(); ++step) {
    const auto left = static_cast<double>(order.size() - step);
    largest = std::max(largest, std::min(1.0, left * p[order[step]]));
    adjusted[order[step]] = largest;
  }
  return adjusted;
}

}  // namespace semiseg
