// SPDX-License-Identifier: Apache-2.0
// The place of a training patch in its image, for methods that align two crops of one sample.
#pragma once

#include <array>
#include <cstdint>

namespace semiseg {

// Geometry of one sample. The flip always comes with the turns, as in the references.
struct GeometryParameters {
  enum class Branch { kNothing, kTurnFlip, kRotate };
  Branch branch = Branch::kNothing;
  int64_t turns = 0;      // kTurnFlip: quarter-turns, 0 to 3
  int64_t flip_axis = 0;  // kTurnFlip: 0 or 1; in a volume, one of the two axes that are not axial
  int64_t degrees = 0;    // kRotate: -20 to 19

  bool operator==(const GeometryParameters&) const = default;
};

// A crop of a volume after its turns.
struct CropParameters {
  std::array<int64_t, 3> padding = {0, 0, 0};  // zeros before and behind each axis
  std::array<int64_t, 3> offset = {0, 0, 0};   // the patch begins here in the padded volume

  bool operator==(const CropParameters&) const = default;
};

struct Placement {
  GeometryParameters geometry;
  CropParameters crop;  // volumes only

  bool operator==(const Placement&) const = default;
};

}  // namespace semiseg
