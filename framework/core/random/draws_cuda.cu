// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "framework/core/kernel_launch.h"
#include "framework/core/random/draws_cuda.h"
#include "framework/core/random/draws_words.h"

namespace semiseg {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kRows = 64;  // ids travel as an argument of the kernel: no copy to the device

struct Samples {
  int64_t id[kRows];
};

// A thread makes the four numbers of one block.
template <Distribution distribution>
__global__ void fill(uint64_t key, Samples samples, float* out, int64_t stride) {
  const int64_t block = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (4 * block >= stride) return;
  const auto words =
      philox(key, static_cast<uint64_t>(samples.id[blockIdx.y]), static_cast<uint64_t>(block));
  float values[4];
  if constexpr (distribution == Distribution::kUniform) {
    for (int i = 0; i < 4; ++i) values[i] = to_unit(words.v[i]);
  } else {
    for (int i = 0; i < 4; i += 2) {
      double first, second;
      to_normal(words.v[i], words.v[i + 1], first, second);
      values[i] = static_cast<float>(first);
      values[i + 1] = static_cast<float>(second);
    }
  }
  float* to = out + blockIdx.y * stride + 4 * block;
  for (int64_t i = 0; i < 4 && 4 * block + i < stride; ++i) to[i] = values[i];
}

}  // namespace

void fill_on_gpu(Distribution distribution, uint64_t key, const int64_t* samples, int64_t count,
                 float* out, int64_t stride, cudaStream_t stream) {
  if (stride == 0) return;
  const auto blocks = static_cast<unsigned>((stride + 4 * kThreads - 1) / (4 * kThreads));
  for (int64_t first = 0; first < count; first += kRows) {
    Samples rows{};
    const int64_t size = std::min(kRows, count - first);
    std::copy_n(samples + first, size, rows.id);
    const dim3 grid(blocks, static_cast<unsigned>(size));
    const auto kernel = distribution == Distribution::kUniform ? &fill<Distribution::kUniform>
                                                               : &fill<Distribution::kNormal>;
    kernel<<<grid, kThreads, 0, stream>>>(key, rows, out + first * stride, stride);
    check_launch("draws");
  }
}

}  // namespace semiseg
