// SPDX-License-Identifier: Apache-2.0
// Draws that are made of uniform and normal ones: Beta, ranges, integers, permutations.
#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>

#include "framework/core/random/draws.h"

namespace semiseg {

// Jöhnk 1964: u^(1/a) / (u^(1/a) + v^(1/b)) where the sum is at most 1; in logarithms, because both
// powers may underflow.
at::Tensor Draws::beta(std::string_view name, double a, double b, const SampleIds& samples) const {
  if (const auto* fixed = recorded(name)) return rows_of(*fixed, samples);
  at::Tensor out = at::empty({static_cast<int64_t>(samples.size())}, at::kFloat);
  for (size_t i = 0; i < samples.size(); ++i) {
    DrawSequence numbers = sequence(name, samples[i]);
    double first, second;
    do {
      first = std::log(1 - numbers.uniform()) / a;
      second = std::log(1 - numbers.uniform()) / b;
    } while (std::exp(first) + std::exp(second) > 1);
    out.data_ptr<float>()[i] = static_cast<float>(1 / (1 + std::exp(second - first)));
  }
  return out.to(device_);
}

at::Tensor Draws::between(std::string_view name, at::IntArrayRef shape, double low, double high,
                          const SampleIds& samples) const {
  if (const auto* fixed = recorded(name)) return rows_of(*fixed, samples);
  return uniform(name, shape, samples).mul_(high - low).add_(low);
}

at::Tensor Draws::between(std::string_view name, at::IntArrayRef shape, double low,
                          double high) const {
  if (const auto* fixed = recorded(name)) return fixed->to(device_);
  return uniform(name, shape).mul_(high - low).add_(low);
}

at::Tensor Draws::normal_of(std::string_view name, at::IntArrayRef shape, double deviation) const {
  if (const auto* fixed = recorded(name)) return fixed->to(device_);
  return normal(name, shape).mul_(deviation);
}

at::Tensor Draws::integers(std::string_view name, at::IntArrayRef shape, int64_t low,
                           int64_t high) const {
  if (const auto* fixed = recorded(name)) return *fixed;
  at::Tensor out = at::empty(shape, at::kLong);
  DrawSequence numbers = sequence(name);
  for (int64_t i = 0; i < out.numel(); ++i) out.data_ptr<int64_t>()[i] = numbers.integer(low, high);
  return out;
}

at::Tensor Draws::integers_of(
    std::string_view name, int64_t count, const SampleIds& samples,
    const std::function<std::vector<int64_t>(DrawSequence&)>& make) const {
  if (const auto* fixed = recorded(name)) return rows_of(*fixed, samples);
  at::Tensor out = at::empty({static_cast<int64_t>(samples.size()), count}, at::kLong);
  for (size_t i = 0; i < samples.size(); ++i) {
    DrawSequence numbers = sequence(name, samples[i]);
    const std::vector<int64_t> values = make(numbers);
    std::copy(values.begin(), values.end(),
              out.data_ptr<int64_t>() + static_cast<int64_t>(i) * count);
  }
  return out;
}

at::Tensor Draws::permutation(std::string_view name, int64_t size) const {
  if (const auto* fixed = recorded(name)) return *fixed;
  at::Tensor out = at::arange(size, at::kLong);
  int64_t* values = out.data_ptr<int64_t>();
  DrawSequence numbers = sequence(name);
  for (int64_t i = size - 1; i > 0; --i) std::swap(values[i], values[numbers.integer(0, i + 1)]);
  return out;
}

at::Tensor Draws::permutations(std::string_view name, int64_t size, at::IntArrayRef shape) const {
  if (const auto* fixed = recorded(name)) return *fixed;
  std::vector<int64_t> sizes = shape.vec();
  sizes.insert(sizes.begin(), size);
  return Draws(*this).on(at::kCPU).uniform(name, sizes).argsort(/*stable=*/true, 0);
}

}  // namespace semiseg
