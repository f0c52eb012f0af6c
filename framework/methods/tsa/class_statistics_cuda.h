// SPDX-License-Identifier: Apache-2.0
// The sums of class_statistics.h on a GPU, in one pass. Deterministic: no atomics, and what a block
// of threads sums does not depend on the GPU. Only in builds with CUDA (SEMISEG_HAS_CUDA).
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace semiseg {

// Device memory, with strides in elements. T: float or double.
template <class T>
struct GpuFeatures {
  int64_t samples, features, pixels, classes;
  const T* x;  // [samples, features, pixels]
  int64_t x_sample, x_feature, x_pixel;
  const int64_t* label;  // [samples, pixels]
  int64_t label_sample, label_pixel;
  const double* shift;  // [classes, features] dense
  bool full;            // upper triangles; else diagonals
};

// Returns the number of thread blocks of a sample, each with a row of partial sums that the caller
// adds up.
int64_t gpu_blocks_of_sample(int64_t pixels);

// Returns true when a thread block has enough shared memory for the sums.
bool statistics_fit_gpu(int64_t classes, int64_t features, int64_t width, int64_t bytes_of_value);

// partial [samples, gpu_blocks_of_sample, classes, width], width = 2 + A + P. A label that is no
// class makes all of its block NaN.
template <class T>
void class_sums_on_gpu(const GpuFeatures<T>& batch, double* partial, int64_t width,
                       cudaStream_t stream);

}  // namespace semiseg
