// SPDX-License-Identifier: Apache-2.0
// Changes of the intensities of a patch, as batchgenerators 0.21 makes them. Each is also a
// transform of its own, of views; strong_volume.h combines them. image [C,h,w] or [C,d,h,w]
// float32, contiguous, on the CPU; each returns a new tensor. Every channel has its own statistics.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace semiseg {

struct ValueStatistics {
  double low = 0, high = 0, mean = 0;
  double deviation = 0;  // of the population, as NumPy's std
};

// Returns the statistics of the values of a channel, in float64. One thread adds them up in order,
// so that the bits are the same wherever it runs.
inline ValueStatistics statistics_of(const float* values, int64_t size) {
  const auto [low, high] = std::minmax_element(values, values + size);
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < size; ++i) sum += values[i];
  const double mean = sum / static_cast<double>(size);
  for (int64_t i = 0; i < size; ++i) squares += (values[i] - mean) * (values[i] - mean);
  return {*low, *high, mean, std::sqrt(squares / static_cast<double>(size))};
}

// Gaussian blur of `sigma` pixels along each axis, which ends at 4 sigma and sees the image
// mirrored at its edges (scipy.ndimage.gaussian_filter).
at::Tensor blur(const at::Tensor& image, double sigma);

// x · factor.
at::Tensor change_brightness(const at::Tensor& image, double factor);

// mean + (x - mean) · factor, held to the smallest and the largest value of before.
at::Tensor change_contrast(const at::Tensor& image, double factor);

// With x' = (x - min) / (max - min): min + (max - min) · x'^exponent, whose mean μ' and standard
// deviation σ' are brought back to μ and σ of before as the library does it: (x - μ' + μ) / σ' · σ,
// so that the mean is scaled, too. A constant channel stays as it is.
at::Tensor change_gamma(const at::Tensor& image, double exponent);

}  // namespace semiseg
