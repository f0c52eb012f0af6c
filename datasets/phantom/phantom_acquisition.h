// SPDX-License-Identifier: Apache-2.0
// The scanners of the phantom: the contrast of tissues, and the effects of blur, coils and noise.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "datasets/phantom/phantom_scene.h"
#include "framework/core/random/draws.h"

namespace semiseg::phantom {

constexpr int kVendors = 4;

// One examination: a vendor's style with the differences between protocols and patients.
struct Acquisition {
  std::string vendor;  // "A" to "D"
  Grid grid;
  std::array<double, kTissues> signal = {};  // signal of full tissue, about 0 to 1
  double blur_mm = 1, noise = 0.03;
  double bias_x = 0, bias_y = 0,
         bias_curve = 0;  // logarithm of the coil's sensitivity over half the field of view
  double gamma = 1;
};

// `size` is the nominal side in pixels; difficulty 0 to 1 scales noise, bias and the spread of
// contrast.
Acquisition draw_acquisition(int vendor, int64_t size, double difficulty, DrawSequence& draws);

// Magnitude image of one slice, [size, size], not yet normalised.
std::vector<float> acquire(const Scene& scene, const Acquisition& how, DrawSequence& draws);

}  // namespace semiseg::phantom
