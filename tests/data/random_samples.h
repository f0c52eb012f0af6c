// SPDX-License-Identifier: Apache-2.0
// Seeded samples for statistics of random transforms.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "framework/core/random/draws.h"

namespace semiseg {

inline constexpr int kSamples = 600;

inline DrawSequence numbers_of(int sample) { return Draws(7).at(0, 0).sequence("augment", sample); }

// A share of kSamples lies within four standard deviations of its probability.
inline void expect_share(double expected, int count, const std::string& what) {
  const double share = static_cast<double>(count) / kSamples;
  EXPECT_NEAR(share, expected, 4 * std::sqrt(expected * (1 - expected) / kSamples)) << what;
}

// Values from 0.5 to 1.5 in rows.
inline at::Tensor ramp(at::IntArrayRef sizes) {
  int64_t count = 1;
  for (const int64_t side : sizes) count *= side;
  return (at::arange(count, at::kFloat) / static_cast<double>(count)).view(sizes) + 0.5;
}

}  // namespace semiseg
