// SPDX-License-Identifier: Apache-2.0
// The box of CutMix in square images: LiheYoung/UniMatch obtain_cutmix_box
// (more-scenarios/medical).
#pragma once

#include <cstdint>
#include <functional>

namespace semiseg {

struct CutmixOptions {
  double probability = 0.5;                     // probability of drawing a box
  double area_min = 0.02, area_max = 0.4;       // share of the image
  double ratio_min = 0.3, ratio_max = 1 / 0.3;  // height to width
};

// The source of its random numbers.
struct BoxNumbers {
  std::function<double(double low, double high)> uniform;  // [low, high)
  std::function<int64_t(int64_t high)> integer;            // {0 … high - 1}
};

struct CutmixBox {
  int64_t y = 0, x = 0, height = 0, width = 0;  // all 0: no box
};

// Order of the numbers: gate (no box where it is above the probability), area; then ratio, x and y
// until the box lies inside the image.
CutmixBox draw_cutmix_box(int64_t side, const CutmixOptions& options, const BoxNumbers& numbers);

}  // namespace semiseg
