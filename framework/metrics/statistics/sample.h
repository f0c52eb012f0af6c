// SPDX-License-Identifier: Apache-2.0
// Mean and deviation of a sample, with sums in the order of NumPy: results are then equal to
// SciPy's to the last bits, and a mean that ties with another one there ties here.
#pragma once

#include <limits>
#include <span>

namespace semiseg {

constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();
constexpr double kLowTail = 0.025, kHighTail = 0.975;  // levels of an interval of 95 %

struct Interval {
  double low, high;
};

// Pairwise: eight running sums in blocks of at most 128 values.
double sum_of(std::span<const double> values);

double mean_of(std::span<const double> values);  // NaN for no values

// Returns the sample deviation (n - 1): NaN for fewer than two values, 0 where all are equal.
double deviation_of(std::span<const double> values);

bool all_equal(std::span<const double> values);

}  // namespace semiseg
