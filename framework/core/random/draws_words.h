// SPDX-License-Identifier: Apache-2.0
// Turns a key into random numbers, on CPUs and GPUs alike. Only this file says what a random 32-bit
// word means.
#pragma once

#include <Random123/philox.h>

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define SEMISEG_BOTH __host__ __device__
#else
#define SEMISEG_BOTH
#endif

namespace semiseg {

enum class Distribution { kUniform, kNormal };

// Block `index` (four 32-bit words) of the stream (key, sample).
SEMISEG_BOTH inline r123::Philox4x32::ctr_type philox(uint64_t key, uint64_t sample,
                                                      uint64_t index) {
  const r123::Philox4x32::ctr_type counter = {
      {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
       static_cast<uint32_t>(sample), static_cast<uint32_t>(sample >> 32)}};
  const r123::Philox4x32::key_type words = {
      {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)}};
  return r123::Philox4x32()(counter, words);
}

// 24 bits: exact in float32, never 1.
SEMISEG_BOTH inline float to_unit(uint32_t bits) {
  return static_cast<float>(bits >> 8) * (1.0f / 16777216.0f);
}

// Box–Muller in double, so that the rounding of the library's logarithm does not show in float32.
SEMISEG_BOTH inline void to_normal(uint32_t a, uint32_t b, double& first, double& second) {
  constexpr double kPi = 3.141592653589793, kUnit = 1.0 / 4294967296.0;
  const double radius = ::sqrt(-2.0 * ::log((a + 0.5) * kUnit));
  const double angle = 2.0 * kPi * (b * kUnit);
  first = radius * ::cos(angle);
  second = radius * ::sin(angle);
}

}  // namespace semiseg
