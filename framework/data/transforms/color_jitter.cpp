// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/color_jitter.h"

#include <ATen/Functions.h>

#include <algorithm>

#include "framework/data/transforms/transform.h"

namespace semiseg {
namespace {

// value → slope · value + shift, in place.
void rescale(const at::Tensor& image, double slope, double shift) {
  float* value = image.mutable_data_ptr<float>();
  for (int64_t i = 0; i < image.numel(); ++i)
    value[i] = static_cast<float>(slope * value[i] + shift);
}

struct ValueRange {
  double low, high;
};

ValueRange values_of(const at::Tensor& image) {
  const float* begin = image.const_data_ptr<float>();
  const auto [least, most] = std::minmax_element(begin, begin + image.numel());
  return {*least, *most};
}

// Brings the image from its values to [0, 1], jitters it there and brings it back.
at::Tensor jitter_between(const ValueRange& values, const JitterParameters& parameters,
                          const at::Tensor& image) {
  const double low = values.low, range = values.high - low;
  at::Tensor unit = image.clone();
  if (range == 0) return unit;
  rescale(unit, 1 / range, -low / range);
  const at::Tensor result = jitter(parameters, unit);
  rescale(result, range, low);
  return result;
}

class ColorJitter : public Transform {
 public:
  at::Tensor apply(const at::Tensor& image, DrawSequence& numbers) const override {
    return jitter_in_range(draw_jitter(numbers), image);
  }
};

const bool registered = TransformRegistry::instance().add(
    {"color_jitter", "brightness and contrast by 0.2 to 1.8, as torchvision's ColorJitter",
     [](const Config&) { return std::make_unique<ColorJitter>(); }});

}  // namespace

JitterParameters draw_jitter(DrawSequence& numbers) {
  JitterParameters drawn;
  drawn.contrast_first = numbers.uniform() < 0.5;
  drawn.brightness = numbers.uniform(0.2, 1.8);
  drawn.contrast = numbers.uniform(0.2, 1.8);
  return drawn;
}

at::Tensor jitter(const JitterParameters& parameters, const at::Tensor& image) {
  at::Tensor result = at::empty(image.sizes(), at::kFloat);
  const float* in = image.const_data_ptr<float>();
  float* out = result.mutable_data_ptr<float>();
  const int64_t size = image.numel();
  std::copy_n(in, size, out);
  const auto scale = [&](double factor, double offset) {
    const float slope = static_cast<float>(factor), shift = static_cast<float>(offset);
    for (int64_t i = 0; i < size; ++i) out[i] = std::clamp(slope * out[i] + shift, 0.0f, 1.0f);
  };
  const auto adjust_contrast = [&] {
    double sum = 0;
    for (int64_t i = 0; i < size; ++i) sum += out[i];
    scale(parameters.contrast, (1 - parameters.contrast) * sum / static_cast<double>(size));
  };
  if (parameters.contrast_first) adjust_contrast();
  scale(parameters.brightness, 0);
  if (!parameters.contrast_first) adjust_contrast();
  return result;
}

at::Tensor jitter_in_range(const JitterParameters& parameters, const at::Tensor& image) {
  const bool is_volume = image.dim() == 4;
  const ValueRange values = values_of(image);
  if (is_volume || values.low < 0 || values.high > 1)
    return jitter_between(values, parameters, image);
  return jitter(parameters, image);
}

}  // namespace semiseg
