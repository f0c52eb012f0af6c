// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/grey_view.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// from + factor (to - from) of each pixel, beyond the two where the factor is above 1.
void blend(const at::Tensor& image, int from, double factor) {
  const auto alpha = static_cast<float>(factor);
  uint8_t* pixel = image.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < image.numel(); ++i) {
    const float value = static_cast<float>(from) + alpha * static_cast<float>(pixel[i] - from);
    pixel[i] = static_cast<uint8_t>(std::clamp(value, 0.f, 255.f));
  }
}

int rounded_mean(const at::Tensor& image) {
  const auto sum = image.sum().item<int64_t>();
  return static_cast<int>(static_cast<double>(sum) / static_cast<double>(image.numel()) + 0.5);
}

// A box of 2 radius + 1 pixels and the share of the two beyond it, in units of 2^-24.
struct BoxFilter {
  int64_t radius;
  uint32_t inner, edge;
};

constexpr int kPasses = 3;

// Three boxes of this width have the variance sigma²: Gwosdek et al., SSVM 2011.
BoxFilter box_of(double sigma) {
  const auto variance = static_cast<float>(sigma * sigma / kPasses);
  const float length = std::sqrt(12.0f * variance + 1.0f);
  const float whole = std::floor((length - 1) / 2);
  const float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance) /
                     (6 * (variance - (whole + 1) * (whole + 1)));
  constexpr uint32_t kOne = 1u << 24;
  const auto radius = static_cast<uint32_t>(whole);
  const auto inner = static_cast<uint32_t>(static_cast<float>(kOne) / (2 * (whole + part) + 1));
  return {static_cast<int64_t>(radius), inner, (kOne - (2 * radius + 1) * inner) / 2};
}

// Along the last axis.
at::Tensor filtered(const at::Tensor& image, const BoxFilter& box) {
  at::Tensor result = at::empty_like(image);
  const int64_t width = image.size(1);
  for (int64_t row = 0; row < image.size(0); ++row) {
    const uint8_t* in = image.const_data_ptr<uint8_t>() + row * width;
    uint8_t* out = result.mutable_data_ptr<uint8_t>() + row * width;
    const auto pixel = [&](int64_t i) {
      return static_cast<uint32_t>(in[std::clamp<int64_t>(i, 0, width - 1)]);
    };
    for (int64_t i = 0; i < width; ++i) {
      uint32_t sum = 0;
      for (int64_t j = i - box.radius; j <= i + box.radius; ++j) sum += pixel(j);
      const uint32_t ends = pixel(i - box.radius - 1) + pixel(i + box.radius + 1);
      out[i] = static_cast<uint8_t>((sum * box.inner + ends * box.edge + (1u << 23)) >> 24);
    }
  }
  return result;
}

}  // namespace

at::Tensor to_grey(const at::Tensor& image) { return image.mul(255).to(at::kByte); }

at::Tensor strong_grey_view(const at::Tensor& image, const GreyViewParameters& parameters) {
  SEMISEG_CHECK(image.dim() == 2 && image.scalar_type() == at::kByte,
                "a grey image is uint8 [H,W]");
  at::Tensor view = image.clone(at::MemoryFormat::Contiguous);
  for (const int64_t operation : parameters.order) {
    if (operation == 0) blend(view, 0, parameters.brightness);
    if (operation == 1) blend(view, rounded_mean(view), parameters.contrast);
  }
  if (parameters.sigma <= 0) return view;
  const BoxFilter box = box_of(parameters.sigma);
  for (int axis = 0; axis < 2; ++axis) {
    for (int pass = 0; pass < kPasses; ++pass) view = filtered(view, box);
    view = view.t().contiguous();
  }
  return view;
}

}  // namespace semiseg
