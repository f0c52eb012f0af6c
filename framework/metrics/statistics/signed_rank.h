// SPDX-License-Identifier: Apache-2.0
// Wilcoxon's signed-rank test of paired differences (Wilcoxon 1945), two-sided, with zeros by Pratt
// (1959): they take part in the ranking and their ranks are dropped.
#pragma once

#include <span>

namespace semiseg {

struct SignedRank {
  double statistic = 0;   // the smaller of the rank sums of positive and negative differences
  double p = 1;           // NaN without differences
  bool is_exact = false;  // else by the normal approximation
};

// The distribution is exact for at most 50 differences without zeros and ties of their magnitudes;
// else normal, with tie correction and without continuity correction, as SciPy's
// wilcoxon(d, zero_method="pratt", correction=False) has it. All zeros: p = 1.
SignedRank signed_rank(std::span<const double> differences);

}  // namespace semiseg
