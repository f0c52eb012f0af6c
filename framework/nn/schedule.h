// SPDX-License-Identifier: Apache-2.0
// Weights that grow with time. Pure functions; HiLab-git/SSL4MIS utils/ramps.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace semiseg {

// R(t, L) = exp(-5 (1 - clip(t, 0, L)/L)²); 1 when L = 0. R(0, L) = 0.0067, never 0. Laine & Aila,
// ICLR 2017.
inline double sigmoid_rampup(double t, double length) {
  if (length <= 0) return 1;
  const double rest = 1 - std::clamp(t, 0.0, length) / length;
  return std::exp(-5 * rest * rest);
}

}  // namespace semiseg
