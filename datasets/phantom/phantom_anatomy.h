// SPDX-License-Identifier: Apache-2.0
// The bodies of the phantom: a heart along its long axis and what lies around it, drawn for each
// patient. Millimetres; x to the right and y down in the image, the origin at its centre; height is
// along the long axis, 0 at the valve plane of diastole, 1 at the apex, negative in the atria.
#pragma once

#include <array>
#include <vector>

#include "framework/core/random/draws.h"

namespace semiseg::phantom {

enum class Tissue {
  kAir,
  kLung,
  kFat,
  kMuscle,
  kLiver,
  kOrgan,  // stomach, spleen, bowel: anything from dark to bright
  kWall,   // vessel walls and valves
  kMyocardium,
  kRightBlood,
  kLeftBlood,
};
constexpr int kTissues = 10;

// A closed curve in polar form around its centre: radius (1 + Σ c_k cos kθ + s_k sin kθ), k = 1
// … 4.
struct Contour {
  double x = 0, y = 0, radius = 0;
  std::array<double, 4> cosine = {}, sine = {};

  // Returns the distance of a point from the curve along its ray, negative inside.
  double distance(double at_x, double at_y) const;
  double largest_radius() const;
};

// A piece of tissue over a range of heights, with an optional rim inside its edge.
struct Blob {
  Contour shape;
  Tissue tissue = Tissue::kOrgan;
  double opacity = 1;
  Tissue rim_tissue = Tissue::kWall;
  double rim_mm = 0;
  double first_height = -10, last_height = 10;
  double drift_x = 0, drift_y = 0;  // mm for each unit of height
};

// One plane of the heart. A part that the plane misses has radius 0.
struct HeartSection {
  Contour right, outer,
      cavity;  // right ventricle (with the part behind the septum), epicardium, endocardium
  std::vector<Blob> papillary;     // inside the cavity; counted as cavity by convention
  std::vector<Blob> above_valves;  // atria and aortic root, unlabelled
};

struct Anatomy {
  double centre_x, centre_y;               // centre of the left ventricle at the base
  double tilt_x, tilt_y;                   // drift of the centre from base to apex
  double rv_angle;                         // direction from the left to the right ventricle
  double length;                           // valve plane to apex in diastole
  double lv_radius, wall;                  // cavity radius and wall at the base in diastole
  double fullness;                         // exponent of the taper: 2 a cone-like, 4 a barrel
  double contraction;                      // systolic over diastolic cavity radius
  double shortening;                       // systolic descent of the valve plane, of `length`
  double septal_excess;                    // excess of the wall towards the septum
  double infarct_thinning, infarct_angle;  // thinning of the systolic wall, and its angle
  Contour lv_shape, rv_shape;              // relative harmonics only
  double rv_radius, rv_distance;           // relative to the epicardial radius at the same height
  double rv_end, rv_begin;                 // heights at which the right ventricle ends and begins
  double rv_contraction;
  double papillary_radius, papillary_angle;
  std::vector<Blob> surroundings;  // in painting order

  // Height in the frame's own heart → contours. The plane is `depth_mm` below the diastolic valve
  // plane.
  HeartSection cut(bool systole, double depth_mm) const;
};

// Draws a heart. variation 0: all hearts are alike; 1: they differ as patients do.
Anatomy draw_anatomy(DrawSequence& draws, double variation);

}  // namespace semiseg::phantom
