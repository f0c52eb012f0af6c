// SPDX-License-Identifier: Apache-2.0
#include "datasets/phantom/phantom_anatomy.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace semiseg::phantom {
namespace {

using std::numbers::pi;

// Five groups in equal parts, as in ACDC.
enum class Group { kNormal, kDilated, kHypertrophic, kInfarct, kRightDilated };

double truncated_normal(DrawSequence& draws) { return std::clamp(draws.normal(), -2.0, 2.0); }

Contour wobble(DrawSequence& draws, double amount) {
  Contour shape;
  for (size_t k = 1; k < 4; ++k) {  // the first harmonic would only move the centre
    shape.cosine[k] = amount * truncated_normal(draws) / static_cast<double>(k);
    shape.sine[k] = amount * truncated_normal(draws) / static_cast<double>(k);
  }
  return shape;
}

// `shape` with its size and place.
Contour placed(Contour shape, double x, double y, double radius) {
  shape.x = x;
  shape.y = y;
  shape.radius = radius;
  return shape;
}

// Radius of a ventricle over its radius at the base: 1 at height 0, 0 at 1 and beyond.
double taper(double height, double fullness) {
  if (height >= 1) return 0;
  return std::sqrt(1 - std::pow(std::max(height, 0.0), fullness));
}

// Returns 0 for a structure that is smaller than a reader would draw.
double readable(double radius, double least_mm) { return radius < least_mm ? 0 : radius; }

void draw_size(Anatomy& heart, Group group, double v, DrawSequence& draws) {
  heart.lv_radius = 23.5 + 2.6 * v * truncated_normal(draws);
  heart.wall = 9.3 + 1.1 * v * truncated_normal(draws);
  heart.contraction = 0.66 + 0.05 * v * truncated_normal(draws);
  heart.rv_radius = 1.05 + 0.08 * v * truncated_normal(draws);
  heart.septal_excess = 0.05 * v * truncated_normal(draws);
  heart.infarct_thinning = 0;
  heart.infarct_angle = draws.uniform(-pi, pi);
  switch (group) {
    case Group::kNormal:
      break;
    case Group::kDilated:
      heart.lv_radius += v * draws.uniform(5, 10);
      heart.wall -= v * draws.uniform(0.5, 2);
      heart.contraction += v * draws.uniform(0.15, 0.24);
      break;
    case Group::kHypertrophic:
      heart.lv_radius -= v * draws.uniform(1, 4);
      heart.wall += v * draws.uniform(3, 7);
      heart.contraction -= v * draws.uniform(0.05, 0.15);
      heart.septal_excess += v * draws.uniform(0, 0.35);
      break;
    case Group::kInfarct:
      heart.infarct_thinning = v * draws.uniform(0.25, 0.5);
      heart.contraction += v * draws.uniform(0.08, 0.18);
      break;
    case Group::kRightDilated:
      heart.rv_radius += v * draws.uniform(0.15, 0.35);
      heart.lv_radius -= v * draws.uniform(0, 3);
      break;
  }
}

// Body wall, lungs and the fat between the heart and the chest.
void add_thorax(Anatomy& body, double v, DrawSequence& draws) {
  const double direction = -pi / 2 - 0.45 + 0.3 * v * truncated_normal(draws);
  const double radius = draws.uniform(135, 175), gap = draws.uniform(58, 58 + 16 * v);
  const double x = -std::cos(direction) * (radius - gap), y = -std::sin(direction) * (radius - gap);
  const double fat = draws.uniform(5, 6 + 11 * v), muscle = draws.uniform(8, 14);
  const Contour outline = wobble(draws, 0.01);
  body.surroundings.push_back({.shape = placed(outline, x, y, radius), .tissue = Tissue::kFat});
  body.surroundings.push_back(
      {.shape = placed(outline, x, y, radius - fat), .tissue = Tissue::kMuscle});
  for (int rib = -2; rib <= 2; ++rib) {
    const double angle = direction + rib * 0.26 + draws.uniform(-0.06, 0.06);
    const double at = radius - fat - muscle / 2;
    body.surroundings.push_back({.shape = placed(wobble(draws, 0.1), x + at * std::cos(angle),
                                                 y + at * std::sin(angle), draws.uniform(3, 6)),
                                 .tissue = draws.uniform() < 0.5 ? Tissue::kFat : Tissue::kWall,
                                 .opacity = draws.uniform(0.4, 0.9)});
  }
  body.surroundings.push_back(
      {.shape = placed(outline, x, y, radius - fat - muscle), .tissue = Tissue::kLung});
  const double side = body.rv_angle + 0.4 * truncated_normal(draws);
  body.surroundings.push_back(
      {.shape = placed(wobble(draws, 0.08), body.centre_x + 32 * std::cos(side),
                       body.centre_y + 32 * std::sin(side), draws.uniform(34, 50)),
       .tissue = Tissue::kFat,
       .opacity = draws.uniform(0.5 - 0.4 * v, 0.6)});
}

void add_abdomen(Anatomy& body, double v, DrawSequence& draws) {
  const double x = body.centre_x, y = body.centre_y;
  body.surroundings.push_back({.shape = placed(wobble(draws, 0.05), x + draws.uniform(-60, -15),
                                               y + draws.uniform(72, 102), draws.uniform(44, 58)),
                               .tissue = Tissue::kLiver,
                               .drift_y = -draws.uniform(8, 30)});
  body.surroundings.push_back(
      {.shape = placed(wobble(draws, 0.1), x + draws.uniform(5, 55), y + draws.uniform(62, 84),
                       draws.uniform(18, 32)),
       .tissue = draws.uniform() < 0.7 ? Tissue::kOrgan : Tissue::kMyocardium,
       .rim_tissue = Tissue::kMuscle,
       .rim_mm = draws.uniform(1, 5),
       .first_height = draws.uniform(-0.3, 0.4),
       .drift_y = -draws.uniform(0, 18)});
  body.surroundings.push_back({.shape = placed(wobble(draws, 0.04), x + draws.uniform(34, 62),
                                               y + draws.uniform(30, 56), draws.uniform(8, 13)),
                               .tissue = Tissue::kLeftBlood,
                               .rim_mm = draws.uniform(1, 2.5),
                               .last_height = draws.uniform(0.5, 1.2),
                               .drift_x = 8 * v * truncated_normal(draws)});
}

// Vessels in the lung, and things as round and bright as a ventricle, some with a wall like one.
void add_distractors(Anatomy& body, double v, DrawSequence& draws) {
  const auto around = [&](double least, double most) {
    const double angle = draws.uniform(-pi, pi), distance = draws.uniform(least, most);
    return placed(wobble(draws, 0.1), body.centre_x + distance * std::cos(angle),
                  body.centre_y + distance * std::sin(angle), 0);
  };
  const auto vessels = draws.integer(4, 10);
  for (int64_t i = 0; i < vessels; ++i) {
    Contour shape = around(48, 95);
    shape.radius = draws.uniform(1.5, 4.5);
    const double first = draws.uniform(-0.6, 0.9);
    body.surroundings.push_back({.shape = shape,
                                 .tissue = Tissue::kRightBlood,
                                 .opacity = draws.uniform(0.3, 1),
                                 .first_height = first,
                                 .last_height = first + draws.uniform(0.1, 0.7),
                                 .drift_x = draws.uniform(-20, 20),
                                 .drift_y = draws.uniform(-20, 20)});
  }
  const auto bright = static_cast<int64_t>(std::lround(v * draws.uniform(0.5, 4.4)));
  for (int64_t i = 0; i < bright; ++i) {
    Contour shape = around(54, 82);
    shape.radius = draws.uniform(7, 17);
    const bool walled = draws.uniform() < 0.5;
    const double first = draws.uniform(-0.5, 0.8);
    body.surroundings.push_back(
        {.shape = shape,
         .tissue = draws.uniform() < 0.5 ? Tissue::kLeftBlood : Tissue::kRightBlood,
         .opacity = draws.uniform(0.7, 1),
         .rim_tissue = Tissue::kMyocardium,
         .rim_mm = walled ? draws.uniform(3, 7) : 0,
         .first_height = first,
         .last_height = first + draws.uniform(0.2, 0.8),
         .drift_x = draws.uniform(-12, 12),
         .drift_y = draws.uniform(-12, 12)});
  }
}

// Draws the short axis above the valves: two atria with thin walls and the aortic root.
std::vector<Blob> atria(const Anatomy& heart, double x, double y, double height) {
  const double away = heart.rv_angle + pi, r = heart.lv_radius;
  const double low_x = x + 0.35 * r * std::cos(away - 0.9),
               low_y = y + 0.35 * r * std::sin(away - 0.9);
  const double root_x = x + 0.75 * r * std::cos(heart.rv_angle),
               root_y = y + 0.75 * r * std::sin(heart.rv_angle);
  return {{.shape = placed(heart.lv_shape, low_x, low_y, r * (1.05 + 0.3 * height)),
           .tissue = Tissue::kLeftBlood,
           .rim_mm = 2},
          {.shape = placed({}, root_x, root_y, 13), .tissue = Tissue::kLeftBlood, .rim_mm = 2.5},
          {.shape = placed(heart.rv_shape, x + 1.9 * r * std::cos(heart.rv_angle - 0.6),
                           y + 1.9 * r * std::sin(heart.rv_angle - 0.6), 0.9 * r),
           .tissue = Tissue::kRightBlood,
           .rim_mm = 2}};
}

}  // namespace

double Contour::distance(double at_x, double at_y) const {
  const double dx = at_x - x, dy = at_y - y;
  const double far = std::sqrt(dx * dx + dy * dy);
  if (far == 0) return -radius;
  const double c = dx / far, s = dy / far;
  double relative = 1, ck = 1, sk = 0;
  for (size_t k = 0; k < cosine.size(); ++k) {
    const double next = ck * c - sk * s;  // cos and sin of (k + 1)θ by the angle sum
    sk = sk * c + ck * s;
    ck = next;
    relative += cosine[k] * ck + sine[k] * sk;
  }
  return far - radius * relative;
}

double Contour::largest_radius() const {
  double relative = 1;
  for (size_t k = 0; k < cosine.size(); ++k) relative += std::abs(cosine[k]) + std::abs(sine[k]);
  return radius * relative;
}

HeartSection Anatomy::cut(bool systole, double depth_mm) const {
  const double base = systole ? shortening * length : 0;
  const double height = (depth_mm - base) / (length - base);
  const double x = centre_x + tilt_x * height, y = centre_y + tilt_y * height;
  const double cavity_base = lv_radius * (systole ? contraction : 1);
  // The wall keeps its cross-section area when the cavity shrinks, less what the long axis gives
  // up.
  const double area = (lv_radius + wall) * (lv_radius + wall) - lv_radius * lv_radius;
  const double outer_base = std::sqrt(cavity_base * cavity_base + area);
  HeartSection section;
  if (height >= 0) {
    const double end = 1 - 0.8 * (outer_base - cavity_base) / length;  // the apex is wall
    section.outer = placed(lv_shape, x, y, readable(outer_base * taper(height, fullness), 4));
    section.cavity =
        placed(lv_shape, x, y, readable(cavity_base * taper(height / end, fullness), 2));
    // A first harmonic of the cavity makes the wall thicker on the septal side; thinner where it is
    // infarcted.
    const double relative = section.cavity.radius > 0 ? wall / cavity_base : 0;
    const double thin = systole ? infarct_thinning : 0.3 * infarct_thinning;
    section.cavity.cosine[0] =
        relative * (thin * std::cos(infarct_angle) - septal_excess * std::cos(rv_angle));
    section.cavity.sine[0] =
        relative * (thin * std::sin(infarct_angle) - septal_excess * std::sin(rv_angle));
  } else {
    section.above_valves = atria(*this, x, y, height);
  }
  if (height > rv_begin && height < rv_end) {
    const double shrink = taper(height / rv_end, 2.5) * (systole ? rv_contraction : 1);
    const double outer = outer_base * taper(height, fullness);
    // Above the valves the rest of it is the outflow tract, in front of the aortic root.
    const double rise = std::clamp(-height / 0.06, 0.0, 1.0);
    const double away = outer * (rv_distance * (0.75 + 0.25 * shrink) + 0.5 * rise);
    const double angle = rv_angle + 0.6 * rise;
    section.right = placed(rv_shape, x + away * std::cos(angle), y + away * std::sin(angle),
                           outer_base * rv_radius * shrink * (1 - 0.45 * rise));
  }
  if (height > 0.2 && height < 0.72) {
    for (const double side : {-0.9, 0.9}) {
      const double angle = papillary_angle + side, at = 0.72 * section.cavity.radius;
      section.papillary.push_back(
          {.shape = placed({}, x + at * std::cos(angle), y + at * std::sin(angle),
                           std::min(papillary_radius, 0.3 * section.cavity.radius)),
           .tissue = Tissue::kMyocardium,
           .opacity = 0.85});
    }
  }
  return section;
}

Anatomy draw_anatomy(DrawSequence& draws, double variation) {
  const double v = variation;
  Anatomy heart{};
  heart.rv_angle = pi + 0.25 + 0.32 * v * truncated_normal(draws);
  heart.centre_x = 15 - 13 * std::cos(heart.rv_angle) - 13 + 7 * v * truncated_normal(draws);
  heart.centre_y = -13 * std::sin(heart.rv_angle) + 7 * v * truncated_normal(draws);
  heart.tilt_x = 3 + 5 * v * truncated_normal(draws);
  heart.tilt_y = 3 + 5 * v * truncated_normal(draws);
  draw_size(heart, static_cast<Group>(draws.integer(0, 5)), v, draws);
  heart.fullness = draws.uniform(2.6 - 0.5 * v, 2.6 + 1.0 * v);
  heart.shortening = draws.uniform(0.08, 0.16);
  heart.lv_shape = wobble(draws, 0.05 * v);
  heart.rv_shape = wobble(draws, 0.09 * v);
  heart.rv_distance = 0.9 + 0.08 * v * truncated_normal(draws);
  heart.rv_end = 0.85 + 0.06 * v * truncated_normal(draws);
  heart.rv_begin = draws.uniform(-0.1, 0.03);
  heart.rv_contraction = draws.uniform(0.78, 0.92);
  heart.papillary_radius = draws.uniform(3.5, 6.5);
  heart.papillary_angle = heart.rv_angle + pi + 0.3 * truncated_normal(draws);
  add_thorax(heart, v, draws);
  add_abdomen(heart, v, draws);
  add_distractors(heart, v, draws);
  return heart;
}

}  // namespace semiseg::phantom
