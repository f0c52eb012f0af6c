// SPDX-License-Identifier: Apache-2.0
// Paired comparison of two rows over patients.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/metrics/statistics/sample.h"
#include "framework/metrics/statistics/signed_rank.h"

namespace semiseg {

struct PairedComparison {
  int64_t n = 0;          // patients
  double difference = 0;  // mean; NaN for n = 0
  double deviation = 0;   // n - 1; NaN for n < 2
  Interval interval{};    // 95 %, Student's t with n - 1 degrees; NaN for n < 2
  SignedRank signed_rank;
  double t_p = 1;        // two-sided paired t test; NaN for n < 2
  double effect = 0;     // difference / deviation; 0 where both are 0, infinite for a
                         // constant difference
  double p_false = 0.5;  // see lead_is_false()
  int64_t wins = 0, ties = 0, losses = 0;  // differences > 0, = 0, < 0
};

// `differences` are finite, one for each patient, positive where the first row is better.
PairedComparison compare_paired(std::span<const double> differences);

// Returns the probability that a lead is false: Student's distribution function with n - 1 degrees
// at -difference · √n / deviation. For a deviation of 0 it is 0, ½ or 1 by the sign.
double lead_is_false(double difference, double deviation, int64_t n);

// A row of which only these are known.
struct PublishedRow {
  double mean, deviation;
};

// The same from published numbers, whose pairs are not known:
// deviation = √(a² + b² - 2 · correlation · a · b).
double lead_is_false(const PublishedRow& a, const PublishedRow& b, int64_t n,
                     double correlation = 0.8);

// Adjusts p-values of one family (Holm 1979, step-down), in their order; NaN stays NaN and is not
// counted.
std::vector<double> holm_adjusted(std::span<const double> p);

}  // namespace semiseg
