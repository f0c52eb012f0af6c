// SPDX-License-Identifier: Apache-2.0
// Weights, thresholds and rates that change with time t. Pure functions; HiLab-git/SSL4MIS
// utils/ramps.py unless another source is named.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace semiseg {

// R(t, L) = exp(-5 (1 - clip(t, 0, L)/L)²); 1 when L = 0. R(0, L) = 0.0067, never 0. Laine & Aila,
// ICLR 2017.
inline double sigmoid_rampup(double t, double length) {
  if (length <= 0) return 1;
  const double rest = 1 - std::clamp(t, 0.0, length) / length;
  return std::exp(-5 * rest * rest);
}

// min(t/L, 1); 1 when L = 0.
inline double linear_rampup(double t, double length) { return t >= length ? 1 : t / length; }

// ½ (cos(π t/L) + 1), for t from 0 to L > 0.
inline double cosine_rampdown(double t, double length) {
  return 0.5 * (std::cos(std::numbers::pi * t / length) + 1);
}

// Entropy in nats below which a pixel counts as certain: (0.75 + 0.25 R(t, L)) ln 2, whatever the
// number of classes. yulequan/UA-MT.
inline double certainty_threshold(double t, double length) {
  return (0.75 + 0.25 * sigmoid_rampup(t, length)) * std::numbers::ln2;
}

// Factor (1 + γ t)^-power on a learning rate. BIT-DA/TSA lr_scheduler.py.
inline double inverse_decay(double t, double gamma, double power) {
  return std::pow(1 + gamma * t, -power);
}

}  // namespace semiseg
