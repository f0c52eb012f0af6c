// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/statistics/signed_rank.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "framework/metrics/statistics/distributions.h"

namespace semiseg {
namespace {

constexpr size_t kMostExact = 50;

// The rank sums, and the sizes of the groups of equal magnitudes other than zero.
struct Ranks {
  double plus = 0, minus = 0;
  size_t zeros = 0;
  std::vector<double> groups;

  bool has_ties() const {
    return std::any_of(groups.begin(), groups.end(), [](double size) { return size > 1; });
  }
};

Ranks ranks_of(std::span<const double> differences) {
  std::vector<double> d(differences.begin(), differences.end());
  std::sort(d.begin(), d.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
  Ranks ranks;
  for (size_t begin = 0; begin < d.size();) {
    size_t end = begin;
    while (end < d.size() && std::abs(d[end]) == std::abs(d[begin])) ++end;
    const double rank = (static_cast<double>(begin + end) + 1) / 2;  // the mean of begin + 1 … end
    for (size_t i = begin; i < end; ++i) {
      if (d[i] > 0) ranks.plus += rank;
      if (d[i] < 0) ranks.minus += rank;
    }
    if (d[begin] == 0) {
      ranks.zeros = end - begin;
    } else {
      ranks.groups.push_back(static_cast<double>(end - begin));
    }
    begin = end;
  }
  return ranks;
}

// Counts the sign patterns of n ranks by their sum of positive ranks. 2^50 is exact in a double.
std::vector<double> patterns_by_sum(size_t n) {
  std::vector<double> count(n * (n + 1) / 2 + 1, 0);
  count[0] = 1;
  size_t reach = 0;
  for (size_t rank = 1; rank <= n; ++rank) {
    reach += rank;
    for (size_t sum = reach; sum >= rank; --sum) count[sum] += count[sum - rank];
  }
  return count;
}

// Twice the probability of a rank sum of at most the smaller of both.
double exact_p(double smaller, size_t n) {
  const std::vector<double> count = patterns_by_sum(n);
  const auto last = static_cast<std::ptrdiff_t>(smaller) + 1;
  const double at_most = std::accumulate(count.begin(), count.begin() + last, 0.0);
  return std::min(1.0, 2 * at_most / std::ldexp(1.0, static_cast<int>(n)));
}

// Cureton (1967) has the moments without the ranks of the zeros.
double normal_p(const Ranks& ranks, double n) {
  const auto zeros = static_cast<double>(ranks.zeros);
  const double mean = n * (n + 1) / 4 - zeros * (zeros + 1) / 4;
  double variance = n * (n + 1) * (2 * n + 1) - zeros * (zeros + 1) * (2 * zeros + 1);
  for (const double size : ranks.groups) variance -= (size * size * size - size) / 2;
  const double z = (ranks.plus - mean) / std::sqrt(variance / 24);
  return 2 * normal_cdf(-std::abs(z));
}

}  // namespace

SignedRank signed_rank(std::span<const double> differences) {
  const size_t n = differences.size();
  if (n == 0) return {.p = std::numeric_limits<double>::quiet_NaN()};
  const Ranks ranks = ranks_of(differences);
  SignedRank result{.statistic = std::min(ranks.plus, ranks.minus)};
  if (ranks.zeros == n) return result;
  result.is_exact = n <= kMostExact && ranks.zeros == 0 && !ranks.has_ties();
  result.p =
      result.is_exact ? exact_p(result.statistic, n) : normal_p(ranks, static_cast<double>(n));
  return result;
}

}  // namespace semiseg
