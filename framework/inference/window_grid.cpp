// SPDX-License-Identifier: Apache-2.0
#include "framework/inference/window_grid.h"

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"

namespace semiseg {

std::vector<int64_t> strided_starts(int64_t size, int64_t patch, int64_t stride) {
  SEMISEG_CHECK(size >= patch && stride >= 1, "a window fits and moves on");
  std::vector<int64_t> starts;
  for (int64_t start = 0; start < size - patch; start += stride) starts.push_back(start);
  starts.push_back(size - patch);
  return starts;
}

std::vector<int64_t> even_starts(int64_t size, int64_t patch, double step) {
  SEMISEG_CHECK(size >= patch && step > 0 && step <= 1, "a window fits and moves on");
  const auto last = static_cast<double>(size - patch);
  const double steps = std::ceil(last / (static_cast<double>(patch) * step));
  const double apart = steps > 0 ? last / steps : 0;
  std::vector<int64_t> starts;
  for (double i = 0; i <= steps; ++i)
    starts.push_back(static_cast<int64_t>(std::nearbyint(apart * i)));
  return starts;
}

std::vector<double> gaussian_profile(int64_t patch) {
  std::vector<double> profile(static_cast<size_t>(patch));
  const double sigma = static_cast<double>(patch) / 8;
  for (int64_t i = 0; i < patch; ++i) {
    const double x = static_cast<double>(i - patch / 2) / sigma;
    profile[static_cast<size_t>(i)] = std::exp(-0.5 * x * x);
  }
  return profile;
}

}  // namespace semiseg
