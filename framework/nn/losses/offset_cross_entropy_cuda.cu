// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "framework/core/ignore_label.h"
#include "framework/core/kernel_launch.h"
#include "framework/nn/losses/offset_cross_entropy_cuda.h"

namespace semiseg {
namespace {

constexpr int kTile = 256;  // pixels and threads of a block
constexpr int64_t kMostRows = 1024;
constexpr size_t kSharedBytes = 48 << 10;

__host__ __device__ int64_t tiles_of_sample(int64_t pixels) { return (pixels + kTile - 1) / kTile; }

// One pixel with its offsets, as the thread sees it.
template <class T>
struct Pixel {
  const T* z;
  int64_t step;
  const T* offset;  // row of the table, or null
  int64_t label;
  T weight;  // 0: does not count

  __device__ T logit(int64_t j) const { return z[j * step] + (offset ? offset[j] : T(0)); }

  // Largest logit and the logarithm of Σ exp about it.
  __device__ T normaliser(int64_t classes, T& largest) const {
    largest = logit(0);
    for (int64_t j = 1; j < classes; ++j) largest = max(largest, logit(j));
    T sum = 0;
    for (int64_t j = 0; j < classes; ++j) sum += exp(logit(j) - largest);
    return log(sum);
  }
};

template <class T>
__device__ Pixel<T> load(const GpuPixels<T>& p, int64_t tile) {
  const int64_t sample = tile / tiles_of_sample(p.pixels),
                i = tile % tiles_of_sample(p.pixels) * kTile + threadIdx.x;
  Pixel<T> pixel{nullptr, p.z_class, nullptr, 0, T(0)};
  if (i >= p.pixels) return pixel;
  pixel.z = p.z + sample * p.z_sample + i * p.z_pixel;
  const int64_t label = p.label[sample * p.label_sample + i * p.label_pixel];
  const T weight = p.mask ? p.mask[sample * p.pixels + i] : T(1);
  if (label == kIgnoreLabel || weight == T(0)) return pixel;
  const bool is_class = label >= 0 && label < p.classes;
  pixel.label = is_class ? label : 0;
  pixel.weight = is_class ? weight : static_cast<T>(NAN);
  if (p.table) pixel.offset = p.table + pixel.label * p.classes;
  return pixel;
}

// Returns the sum over all threads, always in the same order; valid in thread 0.
__device__ double block_sum(double value, double* shared) {
  shared[threadIdx.x] = value;
  __syncthreads();
  for (int half = kTile / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  const double sum = shared[0];
  __syncthreads();
  return sum;
}

template <class T>
__global__ void sums(GpuPixels<T> p, double* partial) {
  __shared__ double shared[kTile];
  double loss = 0, weight = 0;
  const int64_t tiles = p.samples * tiles_of_sample(p.pixels);
  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const Pixel<T> pixel = load(p, tile);
    if (pixel.weight == T(0)) continue;
    T largest;
    const T rest = pixel.normaliser(p.classes, largest);
    loss += static_cast<double>(pixel.weight) *
            static_cast<double>(rest - (pixel.logit(pixel.label) - largest));
    weight += static_cast<double>(pixel.weight);
  }
  loss = block_sum(loss, shared);
  weight = block_sum(weight, shared);
  if (threadIdx.x == 0) {
    partial[2 * blockIdx.x] = loss;
    partial[2 * blockIdx.x + 1] = weight;
  }
}

// The layout in which a block sums residuals by class: pairs (y, j), each in `segments` parts of
// the tile.
struct Pairs {
  int64_t pairs, segments;
  __host__ __device__ explicit Pairs(int64_t classes)
      : pairs(classes * classes), segments(kTile / (classes * classes)) {
    if (segments < 1) segments = 1;
  }
  __host__ __device__ int64_t size() const { return pairs * segments; }
};

size_t shared_bytes(int64_t classes, size_t value) {
  return static_cast<size_t>(Pairs(classes).size()) * sizeof(double) + kTile * sizeof(int) +
         static_cast<size_t>(classes) * kTile * value;
}

template <class T>
__device__ void add_by_class(int64_t classes, const Pairs& pairs, const T* residual,
                             const int* label, double* sum) {
  const int64_t length = kTile / pairs.segments;
  for (int64_t part = threadIdx.x; part < pairs.size(); part += kTile) {
    const int64_t segment = part / pairs.pairs, y = part % pairs.pairs / classes,
                  j = part % pairs.pairs % classes;
    const int64_t end = segment + 1 == pairs.segments ? kTile : (segment + 1) * length;
    double of_tile = 0;
    for (int64_t i = segment * length; i < end; ++i) {
      if (label[i] == y) of_tile += static_cast<double>(residual[j * kTile + i]);
    }
    sum[part] += of_tile;
  }
}

template <class T>
__global__ void residuals(GpuPixels<T> p, const double* scale, T* gradient, double* partial) {
  extern __shared__ double memory[];
  const Pairs pairs(p.classes);
  double* sum = memory;
  int* label = reinterpret_cast<int*>(sum + pairs.size());
  T* residual = reinterpret_cast<T*>(label + kTile);
  const T factor = static_cast<T>(*scale);
  for (int64_t part = threadIdx.x; part < pairs.size(); part += kTile) sum[part] = 0;
  const int64_t tiles = p.samples * tiles_of_sample(p.pixels);
  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const Pixel<T> pixel = load(p, tile);
    T largest = 0, rest = 0;
    if (pixel.weight != T(0)) rest = pixel.normaliser(p.classes, largest);
    if (partial) label[threadIdx.x] = pixel.weight != T(0) ? static_cast<int>(pixel.label) : -1;
    for (int64_t j = 0; pixel.z && j < p.classes; ++j) {
      T r = 0;
      if (pixel.weight != T(0)) {
        const T probability = exp(pixel.logit(j) - largest - rest);
        r = factor * pixel.weight * (probability - (j == pixel.label ? T(1) : T(0)));
      }
      if (gradient) gradient[pixel.z - p.z + j * p.z_class] = r;
      if (partial) residual[j * kTile + threadIdx.x] = r;
    }
    if (!partial) continue;
    __syncthreads();
    add_by_class(p.classes, pairs, residual, label, sum);
    __syncthreads();
  }
  if (!partial) return;
  __syncthreads();
  for (int64_t pair = threadIdx.x; pair < pairs.pairs; pair += kTile) {
    double total = 0;
    for (int64_t s = 0; s < pairs.segments; ++s) total += sum[s * pairs.pairs + pair];
    partial[blockIdx.x * pairs.pairs + pair] = total;
  }
}

}  // namespace

int64_t gpu_rows(int64_t samples, int64_t pixels) {
  return std::min(samples * tiles_of_sample(pixels), kMostRows);
}

bool fits_gpu(int64_t classes, int64_t bytes_of_value) {
  return shared_bytes(classes, static_cast<size_t>(bytes_of_value)) <= kSharedBytes;
}

template <class T>
void offset_cross_entropy_sums(const GpuPixels<T>& p, double* partial, cudaStream_t stream) {
  const auto rows = static_cast<unsigned>(gpu_rows(p.samples, p.pixels));
  if (rows == 0) return;
  sums<<<rows, kTile, 0, stream>>>(p, partial);
  check_launch("offset_cross_entropy_sums");
}

template <class T>
void offset_cross_entropy_residual(const GpuPixels<T>& p, const double* scale, T* gradient,
                                   double* partial, cudaStream_t stream) {
  const auto rows = static_cast<unsigned>(gpu_rows(p.samples, p.pixels));
  if (rows == 0) return;
  const size_t bytes = shared_bytes(p.classes, sizeof(T));
  residuals<<<rows, kTile, bytes, stream>>>(p, scale, gradient, partial);
  check_launch("offset_cross_entropy_residual");
}

template void offset_cross_entropy_sums(const GpuPixels<float>&, double*, cudaStream_t);
template void offset_cross_entropy_sums(const GpuPixels<double>&, double*, cudaStream_t);
template void offset_cross_entropy_residual(const GpuPixels<float>&, const double*, float*, double*,
                                            cudaStream_t);
template void offset_cross_entropy_residual(const GpuPixels<double>&, const double*, double*,
                                            double*, cudaStream_t);

}  // namespace semiseg
