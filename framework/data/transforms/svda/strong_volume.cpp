// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/svda/strong_volume.h"

#include <array>
#include <numbers>
#include <utility>

#include "framework/data/transforms/svda/intensity_changes.h"
#include "framework/data/transforms/svda/random_factor.h"
#include "framework/data/transforms/svda/spline_volume.h"

namespace semiseg {
namespace {

struct Choice {
  StrongChange change;
  RandomFactor value;
  double unchanged;  // the value that changes nothing
};

const std::array<Choice, 6>& choices() {
  static const std::array<Choice, 6> six = {{
      {StrongChange::kRotation, {.low = -15, .high = 15}, 0},
      {StrongChange::kZoom, {.high = 1, .is_balanced = true}, 1},
      {StrongChange::kBlur, {}, 0},
      {StrongChange::kBrightness, {}, 1},
      {StrongChange::kContrast, {.is_balanced = true}, 1},
      {StrongChange::kGamma, {.is_balanced = true}, 1},
  }};
  return six;
}

constexpr size_t kSteps = 3;

at::Tensor changed_image(const StrongStep& step, const at::Tensor& image) {
  switch (step.change) {
    case StrongChange::kRotation:
      return rotate_image(image, step.value * std::numbers::pi / 180);
    case StrongChange::kZoom:
      return zoom_image(image, step.value);
    case StrongChange::kBlur:
      return blur(image, step.value);
    case StrongChange::kBrightness:
      return change_brightness(image, step.value);
    case StrongChange::kContrast:
      return change_contrast(image, step.value);
    case StrongChange::kGamma:
      break;
  }
  return change_gamma(image, step.value);
}

}  // namespace

std::vector<StrongStep> draw_strong_steps(DrawSequence& numbers) {
  std::array<Choice, 6> left = choices();
  for (size_t i = 0; i < kSteps; ++i) {
    const auto chosen = numbers.integer(static_cast<int64_t>(i), std::ssize(left));
    std::swap(left[i], left[static_cast<size_t>(chosen)]);
  }
  std::vector<StrongStep> steps;
  for (size_t i = 0; i < kSteps; ++i) {
    const double value = left[i].value.draw(numbers, left[i].unchanged);
    if (value != left[i].unchanged) steps.push_back({left[i].change, value});
  }
  return steps;
}

void make_strong_steps(const std::vector<StrongStep>& steps, at::Tensor& image, at::Tensor& label) {
  for (const StrongStep& step : steps) {
    image = changed_image(step, image);
    if (!label.defined()) continue;
    if (step.change == StrongChange::kRotation)
      label = rotate_label(label, step.value * std::numbers::pi / 180);
    if (step.change == StrongChange::kZoom) label = zoom_label(label, step.value);
  }
}

}  // namespace semiseg
