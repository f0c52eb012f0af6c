// SPDX-License-Identifier: Apache-2.0
// Bodies of the 3-D phantoms: organs made of ellipsoids and tubes, painted onto a voxel grid one
// after the other. Millimetres from the centre of the grid: x to the right of the image (the
// patient's left), y down (back), z with the slices (towards the feet).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/core/random/draws.h"

namespace semiseg::phantom {

struct Point {
  double x = 0, y = 0, z = 0;
};

struct Ellipsoid {
  Point centre, radii;
  // Relative bumps of the surface, three around and three along the axis.
  double bumps[6] = {};
};

// A tube through points, its radius changing evenly between them.
struct Bead {
  Point at;
  double radius = 1;
};
using Tube = std::vector<Bead>;

// The union of its pieces.
struct Solid {
  std::vector<Ellipsoid> ellipsoids;
  std::vector<Tube> tubes;

  // Returns the distance of a point from the surface, negative inside; to first order near the
  // surface.
  double distance(const Point& point) const;
};

// One thing to paint. Later parts hide earlier ones.
struct Part {
  Solid solid;
  int tissue = 0;      // index into the looks
  int label = 0;       // label of voxels inside
  double grow_mm = 0;  // a wall around the solid, painted so much larger
};

struct VolumeGrid {
  int64_t slices = 0, size = 0;  // D, and H = W
  double thickness_mm = 1, spacing_mm = 1;

  Point position(int64_t slice, int64_t row, int64_t column) const;
};

// The appearance of a tissue to one scanner.
struct Look {
  double signal = 0;   // signal of full tissue
  double texture = 0;  // relative unevenness
};

struct SolidScene {
  std::vector<float> signal, texture;  // [D,H,W], texture in units of signal
  std::vector<uint8_t> label;          // [D,H,W]
};

// Paints the parts. Edges of the signal are a pixel soft; looks[0] is the surrounding air.
SolidScene paint(const std::vector<Part>& parts, const std::vector<Look>& looks,
                 const VolumeGrid& grid);

// The variation of one organ between people: its pieces move together by up to about `shift_mm`,
// and grow or shrink together by about the share `size`; surfaces get bumps of about `bump`.
struct Spread {
  double shift_mm = 0, size = 0, bump = 0;
};
Solid varied(Solid solid, const Spread& spread, DrawSequence& draws);

// Draws from N(0, 1), at most 2 away from 0.
double bounded_normal(DrawSequence& draws);

}  // namespace semiseg::phantom
