// SPDX-License-Identifier: Apache-2.0
// Kernels compiled three times, for AVX-512, for AVX2 with FMA and for any x86-64; the loader picks
// one when the program starts. An ordinary inline function (std::vector, std::copy) is a call in
// the first two: a kernel works on pointers, and what it calls is SEMISEG_INTO_CLONE.
#pragma once

#include <cstdint>

// Sanitisers are not ready yet when the loader picks, so they get the portable code.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SEMISEG_VECTOR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SEMISEG_VECTOR_CLONES
#endif

// A template that has to be compiled for the instruction set of the clone that calls it.
#define SEMISEG_INTO_CLONE [[gnu::always_inline]] inline

namespace semiseg {

// bfloat16 inside such kernels, where the conversions of c10::BFloat16 would be calls. Holds the 16
// bits as they are in memory.
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
