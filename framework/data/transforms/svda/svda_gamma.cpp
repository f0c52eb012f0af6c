// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>

#include <cmath>

#include "framework/data/transforms/svda/intensity_changes.h"
#include "framework/data/transforms/svda/random_factor.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

constexpr double kLeastSpread = 1e-8;  // is added to the standard deviation that divides

class Gamma : public Transform {
 public:
  explicit Gamma(const Config& section) {
    exponent_.is_balanced = true;
    exponent_.read(section, "exponent of the intensities, which are scaled to [0, 1] for it");
  }
  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    return change_gamma(image, exponent_.draw(numbers));
  }

 private:
  RandomFactor exponent_;
};

const bool registered = TransformRegistry::instance().add(
    {"svda_gamma", "intensities to the power of 0.7 to 1.3, deviation kept, with a chance of 0.7",
     [](const Config& section) { return std::make_unique<Gamma>(section); }});

}  // namespace

at::Tensor change_gamma(const at::Tensor& image, double exponent) {
  at::Tensor result = image.clone(at::MemoryFormat::Contiguous);
  if (exponent == 1) return result;
  const int64_t size = result.numel() / result.size(0);
  for (int64_t c = 0; c < result.size(0); ++c) {
    float* value = result.mutable_data_ptr<float>() + c * size;
    const ValueStatistics before = statistics_of(value, size);
    const double range = before.high - before.low;
    if (range == 0) continue;
    for (int64_t i = 0; i < size; ++i) {
      const double unit = (value[i] - before.low) / range;
      value[i] = static_cast<float>(before.low + range * std::pow(unit, exponent));
    }
    const ValueStatistics after = statistics_of(value, size);
    const double scale = before.deviation / (after.deviation + kLeastSpread);
    for (int64_t i = 0; i < size; ++i)
      value[i] = static_cast<float>((value[i] - after.mean + before.mean) * scale);
  }
  return result;
}

}  // namespace semiseg
