// SPDX-License-Identifier: Apache-2.0
#include <ATen/Functions.h>

#include "framework/data/transforms/svda/intensity_changes.h"
#include "framework/data/transforms/svda/random_factor.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

class Brightness : public Transform {
 public:
  explicit Brightness(const Config& section) { factor_.read(section, "factor of the intensities"); }
  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    return change_brightness(image, factor_.draw(numbers));
  }

 private:
  RandomFactor factor_;
};

const bool registered = TransformRegistry::instance().add(
    {"svda_brightness", "intensities times 0.7 to 1.3, with a chance of 0.7",
     [](const Config& section) { return std::make_unique<Brightness>(section); }});

}  // namespace

at::Tensor change_brightness(const at::Tensor& image, double factor) {
  at::Tensor result = image.clone(at::MemoryFormat::Contiguous);
  float* value = result.mutable_data_ptr<float>();
  for (int64_t i = 0; i < result.numel(); ++i) value[i] = static_cast<float>(value[i] * factor);
  return result;
}

}  // namespace semiseg
