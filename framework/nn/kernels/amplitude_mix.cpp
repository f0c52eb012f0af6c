// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/amplitude_mix.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

namespace semiseg {
namespace {

// [side], 1 for frequencies at most `reach` from zero, in the order of a DFT.
at::Tensor is_low(int64_t side, int64_t reach, const at::TensorOptions& options) {
  const at::Tensor place = at::arange(side, options);
  const at::Tensor centred = at::where(place < (side + 1) / 2, place, place - side);
  return centred.abs() <= reach;
}

}  // namespace

at::Tensor amplitude_mix(const at::Tensor& image, const at::Tensor& style, const at::Tensor& ratio,
                         double window) {
  if (image.size(0) == 0) return image.to(at::kDouble);
  const int64_t height = image.size(2), width = image.size(3);
  const auto reach =
      static_cast<int64_t>(std::floor(window * static_cast<double>(std::min(height, width))));
  const at::Tensor source = at::fft_fft2(image.to(at::kDouble));
  const at::Tensor amplitude = source.abs(), other = at::fft_fft2(style.to(at::kDouble)).abs();
  const auto options = image.options().dtype(at::kLong);
  const at::Tensor low =
      at::logical_and(is_low(height, reach, options).unsqueeze(1), is_low(width, reach, options));
  const at::Tensor share =
      ratio.to(image.device(), at::kDouble).view({-1, 1, 1, 1}) * low.to(at::kDouble);
  const at::Tensor mixed = at::polar((1 - share) * amplitude + share * other, source.angle());
  return at::real(at::fft_ifft2(mixed)).clamp(0, 255);
}

}  // namespace semiseg
