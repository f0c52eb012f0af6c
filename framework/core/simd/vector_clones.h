// SPDX-License-Identifier: Apache-2.0
// Kernels compiled three times, for AVX-512, for AVX2 with FMA and for any x86-64; the loader picks
// one when the program starts. An ordinary inline function (std::vector, std::copy) is a call in
// the first two: a kernel works on pointers, and what it calls is SEMISEG_INTO_CLONE.
#pragma once

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
