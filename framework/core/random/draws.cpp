// SPDX-License-Identifier: Apache-2.0
#include "framework/core/random/draws.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <xxhash.h>

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/random/draws_words.h"
#include "framework/core/simd/vector_clones.h"

#ifdef SEMISEG_HAS_CUDA
#include <c10/cuda/CUDAStream.h>

#include "framework/core/random/draws_cuda.h"
#endif

namespace semiseg {

// out [4 · count], float32 in [0, 1): to_unit of the words of philox(key, sample, first + i).
// Flattened, so that the library's rounds become part of the loop and are vectorised with it: three
// to four times as fast as block by block.
SEMISEG_VECTOR_CLONES [[gnu::flatten]] void uniform_blocks(uint64_t key, uint64_t sample,
                                                           uint64_t first, int64_t count,
                                                           float* out) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const auto words = philox(key, sample, first + static_cast<uint64_t>(i));
    out[4 * i] = to_unit(words.v[0]);
    out[4 * i + 1] = to_unit(words.v[1]);
    out[4 * i + 2] = to_unit(words.v[2]);
    out[4 * i + 3] = to_unit(words.v[3]);
  }
}

namespace {

void fill_uniform(uint64_t key, uint64_t sample, float* out, int64_t size) {
  at::parallel_for(0, (size + 3) / 4, 4096, [&](int64_t begin, int64_t end) {
    const int64_t whole = std::min(end, size / 4);
    uniform_blocks(key, sample, static_cast<uint64_t>(begin), whole - begin, out + 4 * begin);
    if (whole == end) return;
    float last[4];
    uniform_blocks(key, sample, static_cast<uint64_t>(whole), 1, last);
    std::copy_n(last, size - 4 * whole, out + 4 * whole);
  });
}

// out[pixel, channel] = (number of [channel, pixel] ≥ p), the numbers of fill_uniform.
void fill_at_least(float p, uint64_t key, uint64_t sample, uint8_t* out, int64_t channels,
                   int64_t pixels) {
  constexpr int64_t kTile = 64;  // pixels of all channels: numbers along them, then out across them
  at::parallel_for(0, (pixels + kTile - 1) / kTile, 32, [&](int64_t begin, int64_t end) {
    float numbers[kTile + 4];
    std::vector<uint8_t> tile(static_cast<size_t>(channels * kTile));
    for (int64_t first = begin * kTile; first < std::min(end * kTile, pixels); first += kTile) {
      const int64_t size = std::min(kTile, pixels - first);
      for (int64_t channel = 0; channel < channels; ++channel) {
        const int64_t place = channel * pixels + first, before = place % 4;
        uniform_blocks(key, sample, static_cast<uint64_t>(place / 4), (before + size + 3) / 4,
                       numbers);
        for (int64_t i = 0; i < size; ++i)
          tile[static_cast<size_t>(channel * kTile + i)] = numbers[before + i] >= p;
      }
      for (int64_t i = 0; i < size; ++i) {
        for (int64_t channel = 0; channel < channels; ++channel)
          out[(first + i) * channels + channel] = tile[static_cast<size_t>(channel * kTile + i)];
      }
    }
  });
}

void fill_normal(uint64_t key, uint64_t sample, float* out, int64_t size) {
  at::parallel_for(0, (size + 3) / 4, 2048, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const auto words = philox(key, sample, static_cast<uint64_t>(block));
      double values[4];
      to_normal(words[0], words[1], values[0], values[1]);
      to_normal(words[2], words[3], values[2], values[3]);
      const int64_t count = std::min<int64_t>(4, size - 4 * block);
      for (int64_t i = 0; i < count; ++i) out[4 * block + i] = static_cast<float>(values[i]);
    }
  });
}

// Rows of out [samples, stride…] on the GPU; only builds with CUDA have tensors there.
void fill_rows_on_gpu([[maybe_unused]] Distribution distribution, [[maybe_unused]] uint64_t key,
                      [[maybe_unused]] const SampleIds& samples, [[maybe_unused]] at::Tensor& out,
                      [[maybe_unused]] int64_t stride) {
#ifdef SEMISEG_HAS_CUDA
  fill_on_gpu(distribution, key, samples.data(), static_cast<int64_t>(samples.size()),
              out.data_ptr<float>(), stride, c10::cuda::getCurrentCUDAStream(out.device().index()));
#endif
}

at::Tensor fill_samples(Distribution distribution, uint64_t key, at::IntArrayRef shape,
                        const SampleIds& samples, at::Device device) {
  std::vector<int64_t> sizes = shape.vec();
  sizes.insert(sizes.begin(), static_cast<int64_t>(samples.size()));
  at::Tensor out = at::empty(sizes, at::TensorOptions(device).dtype(at::kFloat));
  const int64_t stride = samples.empty() ? 0 : out.numel() / static_cast<int64_t>(samples.size());
  if (!device.is_cpu()) {
    fill_rows_on_gpu(distribution, key, samples, out, stride);
    return out;
  }
  const auto fill = distribution == Distribution::kUniform ? fill_uniform : fill_normal;
  for (size_t i = 0; i < samples.size(); ++i) {
    fill(key, static_cast<uint64_t>(samples[i]),
         out.data_ptr<float>() + static_cast<int64_t>(i) * stride, stride);
  }
  return out;
}

// "Shared by all samples" is the sample id that no sample has.
const SampleIds kShared = {-1};

}  // namespace

uint32_t DrawSequence::bits() {
  const uint64_t word = position_++ % 4;
  if (word == 0) {
    const auto block = philox(key_, sample_, position_ / 4);
    for (size_t i = 0; i < 4; ++i) block_[i] = block[i];
  }
  return block_[word];
}

double DrawSequence::uniform() { return bits() * 0x1p-32; }
double DrawSequence::uniform(double low, double high) { return low + (high - low) * uniform(); }

int64_t DrawSequence::integer(int64_t low, int64_t high) {
  SEMISEG_CHECK(high > low, "an integer draw needs a range that is not empty");
  const uint64_t range = static_cast<uint64_t>(high - low);
  SEMISEG_CHECK(range <= (uint64_t{1} << 32), "an integer draw spans at most 2^32 values");
  return low + static_cast<int64_t>((uint64_t{bits()} * range) >> 32);
}

double DrawSequence::normal() {
  double first, second;
  const uint32_t a = bits();
  to_normal(a, bits(), first, second);
  return first;
}

Draws::Draws(uint64_t seed) : seed_(seed) {}

Draws Draws::at(int64_t stage, int64_t iteration) const {
  Draws result = *this;
  result.stage_ = stage;
  result.iteration_ = iteration;
  return result;
}

Draws Draws::on(at::Device device) const {
  Draws result = *this;
  result.device_ = device;
  return result;
}

Draws Draws::replay(std::map<std::string, at::Tensor> recorded) const {
  Draws result = *this;
  result.recorded_ = std::make_shared<const std::map<std::string, at::Tensor>>(std::move(recorded));
  return result;
}

uint64_t Draws::key(std::string_view name) const {
  const uint64_t words[4] = {seed_, static_cast<uint64_t>(stage_),
                             static_cast<uint64_t>(iteration_),
                             XXH3_64bits(name.data(), name.size())};
  return XXH3_64bits(words, sizeof words);
}

const at::Tensor* Draws::recorded(std::string_view name) const {
  if (!recorded_) return nullptr;
  const auto found = recorded_->find(std::string(name));
  SEMISEG_CHECK(found != recorded_->end(), "no recorded draw is named " + std::string(name));
  return &found->second;
}

at::Tensor Draws::rows_of(const at::Tensor& recorded, const SampleIds& samples) const {
  at::Tensor rows = at::tensor(samples, at::kLong);
  if (!samples.empty() && *std::max_element(samples.begin(), samples.end()) >= recorded.size(0))
    rows = rows - *std::min_element(samples.begin(), samples.end());
  return recorded.index_select(0, rows).to(device_);
}

at::Tensor Draws::uniform(std::string_view name, at::IntArrayRef shape,
                          const SampleIds& samples) const {
  if (const auto* fixed = recorded(name)) return rows_of(*fixed, samples);
  return fill_samples(Distribution::kUniform, key(name), shape, samples, device_);
}

at::Tensor Draws::at_least(double p, std::string_view name, at::IntArrayRef shape,
                           const SampleIds& samples) const {
  const bool is_image = shape.size() == 3 || shape.size() == 4;
  if (recorded_ || !device_.is_cpu() || !is_image)
    return uniform(name, shape, samples).ge(p).to(at::kByte);
  std::vector<int64_t> sizes = shape.vec();
  sizes.insert(sizes.begin(), static_cast<int64_t>(samples.size()));
  at::Tensor out = at::empty(sizes, at::TensorOptions().dtype(at::kByte).memory_format(
                                        shape.size() == 3 ? at::MemoryFormat::ChannelsLast
                                                          : at::MemoryFormat::ChannelsLast3d));
  const int64_t channels = shape[0], pixels = c10::multiply_integers(shape.slice(1));
  for (size_t i = 0; i < samples.size(); ++i) {
    fill_at_least(static_cast<float>(p), key(name), static_cast<uint64_t>(samples[i]),
                  out.mutable_data_ptr<uint8_t>() + static_cast<int64_t>(i) * channels * pixels,
                  channels, pixels);
  }
  return out;
}

at::Tensor Draws::normal(std::string_view name, at::IntArrayRef shape,
                         const SampleIds& samples) const {
  if (const auto* fixed = recorded(name)) return rows_of(*fixed, samples);
  return fill_samples(Distribution::kNormal, key(name), shape, samples, device_);
}

at::Tensor Draws::uniform(std::string_view name, at::IntArrayRef shape) const {
  if (const auto* fixed = recorded(name)) return fixed->to(device_);
  return fill_samples(Distribution::kUniform, key(name), shape, kShared, device_).squeeze(0);
}

at::Tensor Draws::normal(std::string_view name, at::IntArrayRef shape) const {
  if (const auto* fixed = recorded(name)) return fixed->to(device_);
  return fill_samples(Distribution::kNormal, key(name), shape, kShared, device_).squeeze(0);
}

DrawSequence Draws::sequence(std::string_view name, int64_t sample) const {
  return DrawSequence(key(name), static_cast<uint64_t>(sample));
}

}  // namespace semiseg
