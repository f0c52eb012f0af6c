// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/asked/calibration.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "framework/core/ignore_label.h"

namespace semiseg {
namespace {

constexpr int kBins = 15;

struct Sums {
  std::array<double, kBins> confidence{}, outcomes{};
  double squares = 0;
  int64_t voxels = 0;

  void add(double probability, bool is_class) {
    const double outcome = is_class ? 1 : 0;
    const int bin =
        probability > 0 ? static_cast<int>(std::ceil(std::min(probability, 1.0) * kBins)) - 1 : 0;
    confidence[static_cast<size_t>(bin)] += probability;
    outcomes[static_cast<size_t>(bin)] += outcome;
    squares += (probability - outcome) * (probability - outcome);
    ++voxels;
  }
};

}  // namespace

Calibration calibration_of(const at::Tensor& probability, const at::Tensor& reference,
                           const CalibrationRequest& request) {
  const Index3 size = size_of_map(reference);
  const LabelBox box = request.box.empty() ? LabelBox{{0, 0, 0}, {0, 0, 0}} : request.box;
  const float* p = probability.const_data_ptr<float>();
  const uint8_t* labels = reference.const_data_ptr<uint8_t>();
  Sums sums;
  for (int64_t z = box.begin[0]; z < box.end[0]; ++z) {
    for (int64_t y = box.begin[1]; y < box.end[1]; ++y) {
      const int64_t row = (z * size[1] + y) * size[2];
      for (int64_t i = row + box.begin[2]; i < row + box.end[2]; ++i) {
        if (request.has_ignore_label && labels[i] == kIgnoreLabel) continue;
        sums.add(p[i], labels[i] == request.label);
      }
    }
  }
  const auto voxels = static_cast<double>(sums.voxels);
  double gaps = 0;
  for (size_t bin = 0; bin < kBins; ++bin)
    gaps += std::abs(sums.confidence[bin] - sums.outcomes[bin]);
  return {.ece = gaps / voxels, .brier = sums.squares / voxels};  // 0/0 is NaN
}

}  // namespace semiseg
