// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/surface_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace semiseg {
namespace {

double weight(const DirectedDistances& set, size_t i) {
  return set.weights.empty() ? 1 : set.weights[i];
}

double sum(const DirectedDistances& set) {
  double total = 0;
  for (size_t i = 0; i < set.distances.size(); ++i) total += weight(set, i) * set.distances[i];
  return total;
}

double weight_within(const DirectedDistances& set, double tolerance) {
  double total = 0;
  for (size_t i = 0; i < set.distances.size(); ++i) {
    if (set.distances[i] <= tolerance) total += weight(set, i);
  }
  return total;
}

}  // namespace

double total_weight(const DirectedDistances& set) {
  if (set.weights.empty()) return static_cast<double>(set.distances.size());
  return std::accumulate(set.weights.begin(), set.weights.end(), 0.0);
}

double mean_distance(const DirectedDistances& set) { return sum(set) / total_weight(set); }

double mean_distance(const DirectedDistances& a, const DirectedDistances& b) {
  return (sum(a) + sum(b)) / (total_weight(a) + total_weight(b));
}

double largest_distance(const DirectedDistances& set) {
  return *std::max_element(set.distances.begin(), set.distances.end());
}

double percentile(std::vector<double> values, double fraction) {
  const double position = fraction * static_cast<double>(values.size() - 1);
  const auto lower = static_cast<std::ptrdiff_t>(position);
  std::nth_element(values.begin(), values.begin() + lower, values.end());
  const double low = values[static_cast<size_t>(lower)];
  const double part = position - static_cast<double>(lower);
  if (part == 0) return low;
  return low + part * (*std::min_element(values.begin() + lower + 1, values.end()) - low);
}

double weighted_percentile(const DirectedDistances& set, double fraction) {
  std::vector<std::pair<double, double>> sorted;
  for (size_t i = 0; i < set.distances.size(); ++i) {
    sorted.emplace_back(set.distances[i], weight(set, i));
  }
  std::sort(sorted.begin(), sorted.end());
  const double total = total_weight(set);
  double below = 0;
  for (const auto& [distance, area] : sorted) {
    below += area;
    if (below / total >= fraction) return distance;
  }
  return sorted.back().first;
}

double surface_dice(const DirectedDistances& a, const DirectedDistances& b, double tolerance) {
  return (weight_within(a, tolerance) + weight_within(b, tolerance)) /
         (total_weight(a) + total_weight(b));
}

}  // namespace semiseg
