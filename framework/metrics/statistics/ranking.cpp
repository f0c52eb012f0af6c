// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/statistics/ranking.h"

#include <algorithm>

#include "framework/metrics/surface_statistics.h"

namespace semiseg {
namespace {

// Adds the ranks of these means, 1 for the highest, to each row's list.
void add_ranks(const std::vector<double>& means, std::vector<std::vector<double>>& ranks,
               std::vector<RankStatistics>& statistics) {
  std::vector<size_t> order(means.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return means[a] > means[b]; });
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && means[order[end]] == means[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) {
      ranks[order[i]].push_back((static_cast<double>(begin + end) + 1) / 2);
      if (begin == 0) statistics[order[i]].p_first += 1 / static_cast<double>(end);
    }
    begin = end;
  }
}

size_t first_row(const std::vector<double>& sums) {
  return static_cast<size_t>(std::max_element(sums.begin(), sums.end()) - sums.begin());
}

}  // namespace

std::vector<RankStatistics> rank_rows(const std::vector<std::vector<double>>& rows,
                                      const IndexTable& table) {
  std::vector<RankStatistics> statistics(rows.size());
  std::vector<std::vector<double>> ranks(rows.size());
  std::vector<double> means(rows.size());
  for (int64_t b = 0; b < table.resamples; ++b) {
    for (size_t k = 0; k < rows.size(); ++k) {
      double sum = 0;
      for (const int32_t p : table.row(b)) sum += rows[k][static_cast<size_t>(p)];
      means[k] = sum / static_cast<double>(table.size);
    }
    add_ranks(means, ranks, statistics);
  }
  for (size_t k = 0; k < rows.size(); ++k) {
    statistics[k].p_first /= static_cast<double>(table.resamples);
    statistics[k].mean_rank = mean_of(ranks[k]);
    statistics[k].interval = {percentile(ranks[k], kLowTail), percentile(ranks[k], kHighTail)};
  }
  return statistics;
}

std::vector<int64_t> patients_that_decide(const std::vector<std::vector<double>>& rows) {
  std::vector<int64_t> found;
  if (rows.size() < 2) return found;
  std::vector<double> sums;
  for (const auto& row : rows) sums.push_back(sum_of(row));
  const size_t first = first_row(sums);
  for (size_t p = 0; p < rows.front().size(); ++p) {
    std::vector<double> without;
    for (size_t k = 0; k < rows.size(); ++k) without.push_back(sums[k] - rows[k][p]);
    if (first_row(without) != first) found.push_back(static_cast<int64_t>(p));
  }
  return found;
}

}  // namespace semiseg
