// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>

#include <algorithm>

#include "framework/data/transforms/svda/intensity_changes.h"
#include "framework/data/transforms/svda/random_factor.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

class Contrast : public Transform {
 public:
  explicit Contrast(const Config& section) {
    factor_.is_balanced = true;
    factor_.read(section, "factor of the distances to the mean");
  }
  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    return change_contrast(image, factor_.draw(numbers));
  }

 private:
  RandomFactor factor_;
};

const bool registered = TransformRegistry::instance().add(
    {"svda_contrast", "distances to the mean times 0.7 to 1.3, range kept, with a chance of 0.7",
     [](const Config& section) { return std::make_unique<Contrast>(section); }});

}  // namespace

at::Tensor change_contrast(const at::Tensor& image, double factor) {
  at::Tensor result = image.clone(at::MemoryFormat::Contiguous);
  if (factor == 1) return result;
  const int64_t size = result.numel() / result.size(0);
  for (int64_t c = 0; c < result.size(0); ++c) {
    float* value = result.mutable_data_ptr<float>() + c * size;
    const ValueStatistics before = statistics_of(value, size);
    for (int64_t i = 0; i < size; ++i) {
      value[i] = static_cast<float>(
          std::clamp(before.mean + (value[i] - before.mean) * factor, before.low, before.high));
    }
  }
  return result;
}

}  // namespace semiseg
