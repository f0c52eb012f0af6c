// SPDX-License-Identifier: Apache-2.0
// bfloat16 inside kernels that are compiled for several instruction sets (vector_clones.h), where
// the conversions of c10::BFloat16 would be calls.
#pragma once

#include <cstdint>

#include "framework/core/simd/vector_clones.h"

namespace semiseg {

// Holds the 16 bits as they are in memory.
struct Bfloat16 {
  uint16_t bits;
};

SEMISEG_INTO_CLONE float widened(Bfloat16 x) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(x.bits) << 16);
}

// Rounds to nearest, ties to even; a NaN stays a NaN.
SEMISEG_INTO_CLONE Bfloat16 narrowed(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return {static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded)};
}

}  // namespace semiseg
