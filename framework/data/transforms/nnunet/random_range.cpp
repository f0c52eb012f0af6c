// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/nnunet/random_range.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <string>
#include <vector>

namespace semiseg {

void RandomRange::read(const Config& section, std::string_view key, const RandomRange& limits,
                       std::string_view doc) {
  std::vector<double> values = {low, high};
  section.read(key, values, {limits.low, limits.high}, doc);
  if (values.size() != 2 || values[0] > values[1])
    section.fail(key, "the numbers make no range", "two numbers, the smaller first");
  low = values[0];
  high = values[1];
}

double RandomRange::draw(DrawSequence& numbers) const { return numbers.uniform(low, high); }

double RandomRange::draw_factor(DrawSequence& numbers) const {
  const bool is_below = numbers.uniform() < 0.5 && low < 1;
  return is_below ? numbers.uniform(low, std::min(high, 1.0))
                  : numbers.uniform(std::max(low, 1.0), std::max(high, 1.0));
}

double read_probability(const Config& section, double present) {
  double probability = present;
  section.read("probability", probability, {0, 1},
               "Probability that a sample is changed. Raise it for a stronger view.");
  return probability;
}

DrawSequence own_sequence(DrawSequence& numbers) {
  const uint64_t high = numbers.bits();
  return {high << 32 | numbers.bits(), 0};
}

at::Tensor with_changed_channels(
    const at::Tensor& image, double probability, DrawSequence& numbers,
    const std::function<at::Tensor(const at::Tensor& channel)>& change) {
  at::Tensor result = image.clone();
  for (int64_t c = 0; c < image.size(0); ++c) {
    if (numbers.uniform() < probability) result[c].copy_(change(image[c]));
  }
  return result;
}

}  // namespace semiseg
