// SPDX-License-Identifier: Apache-2.0
// Statistics of one channel, summed in order in float64: the sums of ATen depend on the number of
// threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace semiseg {

struct ChannelStatistics {
  double mean = 0, deviation = 0;  // of the population
  float low = 0, high = 0;
};

// channel [S] float32, contiguous, not empty.
inline ChannelStatistics statistics_of(const at::Tensor& channel) {
  const float* value = channel.const_data_ptr<float>();
  const int64_t size = channel.numel();
  ChannelStatistics s{.low = value[0], .high = value[0]};
  for (int64_t i = 0; i < size; ++i) {
    s.mean += value[i];
    s.low = std::min(s.low, value[i]);
    s.high = std::max(s.high, value[i]);
  }
  s.mean /= static_cast<double>(size);
  double squares = 0;
  for (int64_t i = 0; i < size; ++i) squares += (value[i] - s.mean) * (value[i] - s.mean);
  s.deviation = std::sqrt(squares / static_cast<double>(size));
  return s;
}

}  // namespace semiseg
