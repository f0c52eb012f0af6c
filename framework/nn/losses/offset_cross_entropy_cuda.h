// SPDX-License-Identifier: Apache-2.0
// The sums of offset_cross_entropy.h on a GPU. Deterministic: no atomics, and what a block of
// threads sums does not depend on the GPU. Only in builds with CUDA (SEMISEG_HAS_CUDA).
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace semiseg {

// Device memory, with strides in elements. T: float or double.
template <class T>
struct GpuPixels {
  int64_t samples, classes, pixels;
  const T* z;  // [samples, classes, pixels]
  int64_t z_sample, z_class, z_pixel;
  const int64_t* label;  // [samples, pixels]
  int64_t label_sample, label_pixel;
  const T* mask;   // [samples, pixels] dense, or null
  const T* table;  // [classes, classes] dense: y, j; or null
};

// Returns the number of rows of partial sums that the kernels write; the caller adds them up.
int64_t gpu_rows(int64_t samples, int64_t pixels);

// Returns true when a thread block has enough shared memory for this many classes.
bool fits_gpu(int64_t classes, int64_t bytes_of_value);

// partial [gpu_rows, 2]: Σ m ℓ and Σ m. A label that is no class makes the first NaN.
template <class T>
void offset_cross_entropy_sums(const GpuPixels<T>& pixels, double* partial, cudaStream_t stream);

// gradient: the layout of z, or null. partial [gpu_rows, classes, classes], or null: the residuals
// summed by the pixel's class. *scale: of the loss, on the device.
template <class T>
void offset_cross_entropy_residual(const GpuPixels<T>& pixels, const double* scale, T* gradient,
                                   double* partial, cudaStream_t stream);

}  // namespace semiseg
