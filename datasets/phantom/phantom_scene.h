// SPDX-License-Identifier: Apache-2.0
// One slice of a body on a pixel grid: how much of each tissue a pixel holds, and its label.
#pragma once

#include <cstdint>
#include <vector>

#include "datasets/phantom/phantom_anatomy.h"

namespace semiseg::phantom {

struct Grid {
  int64_t size = 0;       // pixels on a side
  double spacing_mm = 1;  // size of a pixel
  double thickness_mm = 8;
};

// A plane of a patient. The heart moves against the chest between breath holds.
struct Plane {
  bool systole = false;
  double depth_mm = 0;  // below the diastolic valve plane
  double shift_x = 0, shift_y = 0;
};

struct Scene {
  std::vector<float> fraction;  // [size, size, kTissues], sums to 1
  std::vector<uint8_t>
      label;  // [size, size]: 0 background, 1 right ventricle, 2 myocardium, 3 left ventricle
};

Scene paint(const Anatomy& anatomy, const Plane& plane, const Grid& grid);

}  // namespace semiseg::phantom
