// SPDX-License-Identifier: Apache-2.0
// Philox numbers on a GPU: the words of draws.cpp, so that a run's numbers do not depend on where
// they are made. Only in builds with CUDA (SEMISEG_HAS_CUDA).
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "framework/core/random/draws_words.h"

namespace semiseg {

// Fills out [count, stride] (device memory) with the numbers of (key, samples[i]) in row i.
// `samples` is host memory. Returns when the work is queued on the stream.
void fill_on_gpu(Distribution distribution, uint64_t key, const int64_t* samples, int64_t count,
                 float* out, int64_t stride, cudaStream_t stream);

}  // namespace semiseg
