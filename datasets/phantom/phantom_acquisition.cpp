// SPDX-License-Identifier: Apache-2.0
#include "datasets/phantom/phantom_acquisition.h"

#include <algorithm>
#include <cmath>

#include "datasets/phantom/phantom_signal.h"

namespace semiseg::phantom {
namespace {

struct Style {
  const char* vendor;
  double relative_size;  // factor on the nominal side in pixels
  double field_of_view_mm;
  std::array<double, kTissues> signal;
  double blur_mm, noise, bias;
};

// Balanced steady-state images: bright blood and fat, dark myocardium and lung. C is an older
// gradient echo with little contrast and much noise, D has saturated fat and a liver close to
// blood.
// clang-format off
//   of the nominal side, field of view (mm), air, lung, fat, muscle, liver, organ, wall, myocardium, right, left blood
constexpr Style kStyles[kVendors] = {
    {"A", 1.0, 134, {0.01, 0.07, 0.62, 0.27, 0.40, 0.50, 0.15, 0.29, 0.82, 0.86}, 1.3, 0.030, 0.35},
    {"B", 1.2, 144, {0.01, 0.10, 0.85, 0.33, 0.48, 0.40, 0.20, 0.37, 0.74, 0.80}, 1.6, 0.045, 0.45},
    {"C", 0.9, 138, {0.02, 0.12, 0.52, 0.35, 0.38, 0.55, 0.22, 0.34, 0.62, 0.67}, 2.0, 0.055, 0.60},
    {"D", 1.1, 150, {0.02, 0.09, 0.30, 0.22, 0.62, 0.45, 0.12, 0.25, 0.66, 0.75}, 1.9, 0.050, 0.50},
};
// clang-format on

// Relative unevenness of each tissue: vessels in the lung, flow in blood.
constexpr std::array<double, kTissues> kTexture = {0.1, 0.6, 0.25, 0.25, 0.12,
                                                   0.3, 0.2, 0.1,  0.14, 0.08};

// Noise-free signal with texture and coil sensitivity.
std::vector<float> weighted(const Scene& scene, const Acquisition& how, DrawSequence& draws) {
  const int64_t size = how.grid.size;
  const SmoothField coarse(size, 7, draws), fine(size, size / 4, draws);
  std::vector<float> image(size * size);
  for (int64_t row = 0; row < size; ++row) {
    for (int64_t column = 0; column < size; ++column) {
      const float* fraction = &scene.fraction[(row * size + column) * kTissues];
      const double texture = 0.6 * coarse.at(row, column) + 0.6 * fine.at(row, column);
      double value = 0;
      for (int t = 0; t < kTissues; ++t)
        value += fraction[t] * how.signal[t] * (1 + kTexture[t] * texture);
      const double x = 2.0 * static_cast<double>(column) / static_cast<double>(size) - 1;
      const double y = 2.0 * static_cast<double>(row) / static_cast<double>(size) - 1;
      const double coil = how.bias_x * x + how.bias_y * y + how.bias_curve * (x * x + y * y - 0.7);
      image[row * size + column] = static_cast<float>(std::max(value, 0.0) * std::exp(coil));
    }
  }
  return image;
}

}  // namespace

Acquisition draw_acquisition(int vendor, int64_t size, double difficulty, DrawSequence& draws) {
  const Style& style = kStyles[vendor];
  const double d = difficulty;
  Acquisition how;
  how.vendor = style.vendor;
  how.grid.size = std::lround(static_cast<double>(size) * style.relative_size / 8) * 8;
  how.grid.spacing_mm =
      style.field_of_view_mm * draws.uniform(0.94, 1.06) / static_cast<double>(how.grid.size);
  how.grid.thickness_mm = draws.uniform(7.5, 10);
  how.signal = style.signal;
  for (double& signal : how.signal)
    signal *= std::exp(0.13 * d * std::clamp(draws.normal(), -2.0, 2.0));
  const auto at = [&how](Tissue tissue) -> double& { return how.signal[static_cast<int>(tissue)]; };
  at(Tissue::kOrgan) = draws.uniform(0.5 - 0.4 * d, 0.5 + 0.45 * d);
  // Both ventricles change together: what differs between patients is the contrast to the wall.
  const double blood = std::exp(0.2 * d * std::clamp(draws.normal(), -2.0, 2.0));
  at(Tissue::kRightBlood) *= blood;
  at(Tissue::kLeftBlood) *= blood;
  const double least = 1.6 * at(Tissue::kMyocardium);  // the boundary stays visible to a reader
  for (const Tissue tissue : {Tissue::kRightBlood, Tissue::kLeftBlood})
    at(tissue) = std::max(at(tissue), least);
  how.blur_mm = style.blur_mm * draws.uniform(0.8, 1 + 0.4 * d);
  how.noise = style.noise * (0.3 + 0.9 * d) * draws.uniform(0.7, 1.4);
  const double angle = draws.uniform(-3.9, -0.8);  // coils lie in front
  const double bias = style.bias * d * draws.uniform(0.4, 1.5);
  how.bias_x = bias * std::cos(angle);
  how.bias_y = bias * std::sin(angle);
  how.bias_curve = -bias * draws.uniform(0, 0.5);
  how.gamma = std::exp(0.18 * d * std::clamp(draws.normal(), -2.0, 2.0));
  return how;
}

std::vector<float> acquire(const Scene& scene, const Acquisition& how, DrawSequence& draws) {
  std::vector<float> image = weighted(scene, how, draws);
  const std::vector<int64_t> sides(2, how.grid.size);
  blur(image, sides, std::vector<double>(2, how.blur_mm / how.grid.spacing_mm));
  for (float& value : image)
    value = static_cast<float>(std::pow(magnitude(value, how.noise, draws), how.gamma));
  blur(image, sides, {0.45, 0.45});  // scanners interpolate: noise of neighbours is alike
  return image;
}

}  // namespace semiseg::phantom
