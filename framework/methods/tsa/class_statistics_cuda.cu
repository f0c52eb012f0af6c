// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "framework/core/ignore_label.h"
#include "framework/core/kernel_launch.h"
#include "framework/methods/tsa/class_statistics_cuda.h"

namespace semiseg {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 64;  // pixels in shared memory at a time
constexpr int64_t kMostBlocks = 64;
constexpr size_t kSharedBytes = 48 << 10;

size_t shared_bytes(int64_t classes, int64_t features, int64_t width, size_t value) {
  return static_cast<size_t>(classes * width) * sizeof(double) + kTile * sizeof(int) +
         static_cast<size_t>(features) * kTile * value;
}

// Number v of a class's sums is a count, a sum of feature `a`, or one of products of `a` and `b`.
struct Number {
  int64_t a = -1, b = -1;

  __device__ Number(int64_t v, int64_t features, bool full) {
    if (v < 2) return;
    a = v - 2;
    if (a < features) return;
    a -= features;
    b = a;
    if (!full) return;
    int64_t row = 0, left = a;
    for (int64_t length = features; left >= length; --length, ++row) left -= length;
    a = row;
    b = row + left;
  }

  template <class T>
  __device__ double of(const T* q, int i) const {
    if (a < 0) return 1;
    const double first = static_cast<double>(q[a * kTile + i]);
    return b < 0 ? first : first * static_cast<double>(q[b * kTile + i]);
  }
};

// q = x - shift of the tile's pixels; their classes, -1 for those that do not count.
template <class T>
__device__ void load(const GpuFeatures<T>& batch, int64_t first, T* q, int* label) {
  const int64_t sample = blockIdx.y;
  for (int i = threadIdx.x; i < kTile; i += kThreads) {
    const int64_t pixel = first + i;
    int64_t y = kIgnoreLabel;
    if (pixel < batch.pixels)
      y = batch.label[sample * batch.label_sample + pixel * batch.label_pixel];
    label[i] = y == kIgnoreLabel ? -1 : y >= 0 && y < batch.classes ? static_cast<int>(y) : -2;
  }
  __syncthreads();
  for (int64_t place = threadIdx.x; place < batch.features * kTile; place += kThreads) {
    // Neighbouring threads read neighbouring memory, of either layout.
    const bool channels_last = batch.x_feature == 1;
    const int64_t a = channels_last ? place % batch.features : place / kTile,
                  i = channels_last ? place / batch.features : place % kTile;
    if (label[i] < 0) continue;
    const T x =
        batch.x[sample * batch.x_sample + a * batch.x_feature + (first + i) * batch.x_pixel];
    q[a * kTile + i] =
        static_cast<T>(static_cast<double>(x) - batch.shift[label[i] * batch.features + a]);
  }
  __syncthreads();
}

// A thread owns number v of every class; a run of pixels of one class stays in a register.
template <class T>
__device__ void add(const T* q, const int* label, const Number& number, int64_t width, int64_t v,
                    double* sums) {
  int current = -1;
  double sum = 0;
  for (int i = 0; i < kTile; ++i) {
    const int y = label[i];
    if (y != current) {
      if (current >= 0) sums[current * width + v] += sum;
      current = y;
      sum = 0;
    }
    if (y >= 0) sum += number.of(q, i);
    if (y == -2) sums[v] = NAN;
  }
  if (current >= 0) sums[current * width + v] += sum;
}

template <class T>
__global__ void class_sums(GpuFeatures<T> batch, double* partial, int64_t width) {
  extern __shared__ double memory[];
  double* sums = memory;
  T* q = reinterpret_cast<T*>(sums + batch.classes * width);
  int* label = reinterpret_cast<int*>(q + batch.features * kTile);
  const int64_t size = batch.classes * width;
  for (int64_t i = threadIdx.x; i < size; i += kThreads) sums[i] = 0;
  __syncthreads();
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kTile; first < batch.pixels;
       first += static_cast<int64_t>(gridDim.x) * kTile) {
    load(batch, first, q, label);
    for (int64_t v = threadIdx.x; v < width; v += kThreads)
      add(q, label, Number(v, batch.features, batch.full), width, v, sums);
    __syncthreads();
  }
  double* out = partial + (static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x) * size;
  for (int64_t i = threadIdx.x; i < size; i += kThreads) out[i] = sums[i];
}

}  // namespace

int64_t gpu_blocks_of_sample(int64_t pixels) {
  return std::clamp<int64_t>((pixels + kTile - 1) / kTile, 1, kMostBlocks);
}

bool statistics_fit_gpu(int64_t classes, int64_t features, int64_t width, int64_t bytes_of_value) {
  return shared_bytes(classes, features, width, static_cast<size_t>(bytes_of_value)) <=
         kSharedBytes;
}

template <class T>
void class_sums_on_gpu(const GpuFeatures<T>& batch, double* partial, int64_t width,
                       cudaStream_t stream) {
  if (batch.samples == 0) return;
  const dim3 grid(static_cast<unsigned>(gpu_blocks_of_sample(batch.pixels)),
                  static_cast<unsigned>(batch.samples));
  const size_t bytes = shared_bytes(batch.classes, batch.features, width, sizeof(T));
  class_sums<<<grid, kThreads, bytes, stream>>>(batch, partial, width);
  check_launch("class_sums");
}

template void class_sums_on_gpu(const GpuFeatures<float>&, double*, int64_t, cudaStream_t);
template void class_sums_on_gpu(const GpuFeatures<double>&, double*, int64_t, cudaStream_t);

}  // namespace semiseg
