// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/statistics/sample.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace semiseg {
namespace {

constexpr size_t kLanes = 8, kBlock = 128;

double sum_of_few(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

double sum_of_block(std::span<const double> values) {
  double r[kLanes];
  std::copy_n(values.begin(), kLanes, r);
  size_t i = kLanes;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) r[lane] += values[i + lane];
  }
  double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
  for (; i < values.size(); ++i) sum += values[i];
  return sum;
}

}  // namespace

double sum_of(std::span<const double> values) {
  if (values.size() < kLanes) return sum_of_few(values);
  if (values.size() <= kBlock) return sum_of_block(values);
  const size_t half = values.size() / 2 / kLanes * kLanes;
  return sum_of(values.first(half)) + sum_of(values.subspan(half));
}

double mean_of(std::span<const double> values) {
  return values.empty() ? kNoValue : sum_of(values) / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values) {
  if (values.size() < 2) return kNoValue;
  if (all_equal(values)) return 0;
  const double mean = mean_of(values);
  std::vector<double> squares;
  for (const double value : values) squares.push_back((value - mean) * (value - mean));
  return std::sqrt(sum_of(squares) / static_cast<double>(values.size() - 1));
}

bool all_equal(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [&](double value) { return value == values.front(); });
}

}  // namespace semiseg
