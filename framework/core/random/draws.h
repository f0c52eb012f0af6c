// SPDX-License-Identifier: Apache-2.0
// Named random numbers. There is no generator with a position: every number is a function of (run
// seed, stage, iteration, name, sample id, index), so it is the same on any rank, thread count,
// order of calls or resume. Philox 4x32-10 (Salmon et al., SC 2011) by Random123.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace semiseg {

// A sequence of scalar random numbers for transforms and generators. Cheap to make and to copy.
class DrawSequence {
 public:
  DrawSequence(uint64_t key, uint64_t sample) : key_(key), sample_(sample) {}
  uint32_t bits();
  double uniform();                            // [0, 1), 2^-32 steps
  double uniform(double low, double high);     // [low, high)
  int64_t integer(int64_t low, int64_t high);  // {low, …, high - 1}; high > low
  double normal();                             // N(0, 1)

 private:
  uint64_t key_, sample_;
  uint64_t position_ = 0;  // in 32-bit words
  uint32_t block_[4] = {};
};

using SampleIds = std::vector<int64_t>;

class Draws {
 public:
  explicit Draws(uint64_t seed);

  // Returns the draws of one iteration of one stage. Before the first `at`, stage and iteration are
  // -1 (initialisation).
  Draws at(int64_t stage, int64_t iteration) const;

  // Returns draws that give recorded numbers, by name (tests/fixtures/draws.md), in place of
  // generated ones. Sample ids select along axis 0; where they go beyond its end, the first row is
  // that of the smallest id. A name that is not recorded throws kInternal.
  Draws replay(std::map<std::string, at::Tensor> recorded) const;

  // Returns draws whose floating-point tensors are made on this device. uniform has the same bits
  // on every device; normal agrees up to the rounding of a logarithm. Recorded tensors are moved
  // there.
  Draws on(at::Device device) const;

  // One block of numbers for each sample: [samples, shape…], float32.
  at::Tensor uniform(std::string_view name, at::IntArrayRef shape,
                     const SampleIds& samples) const;  // [0, 1)
  at::Tensor normal(std::string_view name, at::IntArrayRef shape,
                    const SampleIds& samples) const;  // N(0, 1)

  // uint8: 1 where uniform(name, shape, samples) ≥ p. On the CPU, masks of shapes [C,S…] are
  // channels-last.
  at::Tensor at_least(double p, std::string_view name, at::IntArrayRef shape,
                      const SampleIds& samples) const;

  // Beta(a, b), one number for each sample: [samples], float32.
  at::Tensor beta(std::string_view name, double a, double b, const SampleIds& samples) const;

  // Uniform in [low, high); recorded numbers lie there already.
  at::Tensor between(std::string_view name, at::IntArrayRef shape, double low, double high,
                     const SampleIds& samples) const;
  at::Tensor between(std::string_view name, at::IntArrayRef shape, double low, double high) const;

  // Shared by all samples: [shape…].
  at::Tensor uniform(std::string_view name, at::IntArrayRef shape) const;
  at::Tensor normal(std::string_view name, at::IntArrayRef shape) const;
  // N(0, deviation²); recorded numbers have that deviation already.
  at::Tensor normal_of(std::string_view name, at::IntArrayRef shape, double deviation) const;
  // Integers are always made on the CPU.
  at::Tensor integers(std::string_view name, at::IntArrayRef shape, int64_t low,
                      int64_t high) const;  // int64, [low, high)
  // int64 [samples, count]: what `make` takes from a sequence of its own for each sample, e.g.
  // boxes that are drawn until they fit.
  at::Tensor integers_of(std::string_view name, int64_t count, const SampleIds& samples,
                         const std::function<std::vector<int64_t>(DrawSequence&)>& make) const;
  at::Tensor permutation(std::string_view name, int64_t size) const;  // int64 [size]
  // int64 [size, shape…]: a permutation along axis 0 for each place.
  at::Tensor permutations(std::string_view name, int64_t size, at::IntArrayRef shape) const;

  // Ignores recorded numbers: use it only in code that has no recorded form.
  DrawSequence sequence(std::string_view name, int64_t sample = -1) const;

 private:
  const at::Tensor* recorded(std::string_view name) const;
  at::Tensor rows_of(const at::Tensor& recorded, const SampleIds& samples) const;
  uint64_t key(std::string_view name) const;

  uint64_t seed_;
  int64_t stage_ = -1, iteration_ = -1;
  at::Device device_ = at::kCPU;
  std::shared_ptr<const std::map<std::string, at::Tensor>> recorded_;
};

}  // namespace semiseg
