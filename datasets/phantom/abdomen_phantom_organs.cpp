// SPDX-License-Identifier: Apache-2.0
#include "datasets/phantom/abdomen_phantom_organs.h"

#include <algorithm>
#include <cmath>

namespace semiseg::phantom {
namespace {

struct Organ {
  const char* name;
  Solid solid;
};

// Millimetres. Volumes of the drawn shapes (ml, before they touch) are about those of adults:
//   liver 1500, stomach 220, spleen 190, kidneys 160 each, aorta 70, vena cava 75, pancreas 70,
//   portal and splenic vein 25, gallbladder 25, oesophagus 12, adrenal glands 3 each.
// So the liver is some five hundred times an adrenal gland and eight times the spleen.
std::vector<Organ> organs() {
  return {
      {"spleen", {{{{106, 34, -42}, {25, 36, 46}}}, {}}},
      {"right_kidney", {{{{-62, 58, 24}, {25, 28, 52}}}, {}}},
      {"left_kidney", {{{{64, 58, 14}, {25, 28, 52}}}, {}}},
      {"gallbladder", {{{{-52, -44, 24}, {14, 14, 28}}}, {}}},
      {"esophagus", {{}, {{{{6, 30, -110}, 8}, {{8, 26, -80}, 8}, {{20, 8, -58}, 9}}}}},
      {"liver", {{{{-78, -4, -30}, {66, 72, 68}}, {{-12, -52, -46}, {58, 26, 38}}}, {}}},
      {"stomach",
       {{},
        {{{{48, -10, -66}, 26}, {{72, -32, -36}, 30}, {{56, -58, 2}, 22}, {{12, -60, 22}, 15}}}}},
      {"aorta", {{}, {{{{8, 34, -120}, 11}, {{6, 34, 0}, 11}, {{2, 36, 120}, 9.5}}}}},
      {"inferior_vena_cava",
       {{}, {{{{-22, 16, -120}, 11}, {{-24, 26, 0}, 11}, {{-20, 32, 120}, 11}}}}},
      {"portal_and_splenic_veins",
       {{},
        {{{{84, 20, -30}, 4.5},
          {{44, 8, -18}, 5},
          {{2, 2, -10}, 6.5},
          {{-24, -4, -18}, 7},
          {{-46, -10, -32}, 6}}}}},
      {"pancreas",
       {{},
        {{{{78, 14, -12}, 8},
          {{42, -4, 0}, 9.5},
          {{4, -16, 8}, 10},
          {{-22, -8, 20}, 14},
          {{-24, -4, 36}, 10}}}}},
      {"right_adrenal_gland", {{}, {{{{-28, 40, -34}, 5}, {{-36, 46, -18}, 5.5}}}}},
      {"left_adrenal_gland", {{}, {{{{32, 36, -34}, 5}, {{38, 44, -18}, 5.5}}}}},
  };
}

// Large organs first, so that what is small is never hidden. Indices into organs().
constexpr int kPainting[kAbdomenOrgans] = {5, 6, 0, 1, 2, 10, 9, 3, 4, 8, 7, 11, 12};

// Small organs move and swell less in millimetres.
Spread spread_of(int organ, double v) {
  if (organ >= 11) return {1.5 * v, 0.06 * v, 0};
  if (organ == 5 || organ == 0) return {4 * v, 0.07 * v, 0.03 * v};
  if (organ == 3 || organ == 6) return {4 * v, 0.1 * v, 0.04 * v};
  return {2.5 * v, 0.06 * v, 0.03 * v};
}

std::vector<Part> trunk(double v, DrawSequence& draws) {
  const double fat = 12 * std::exp(0.4 * v * bounded_normal(draws));
  const auto body = [](double rim) {
    return Solid{{{{0, 0, 0}, {168 - rim, 116 - rim, 2000}}}, {}};
  };
  std::vector<Part> parts = {
      {body(0), kAbdomenFat},
      {body(fat), kAbdomenMuscle},
      {body(fat + 14), kAbdomenFat},
      {{{}, {{{{0, 66, -140}, 19}, {{0, 62, 140}, 21}}}}, kAbdomenBone},
      {{{}, {{{{-44, 74, -140}, 18}, {{-48, 68, 140}, 24}}}}, kAbdomenMuscle},
      {{{}, {{{{44, 74, -140}, 18}, {{48, 68, 140}, 24}}}}, kAbdomenMuscle}};
  // Loops of bowel below the stomach: round, of any place and size, and unlabelled.
  for (int64_t i = draws.integer(8, 14); i > 0; --i) {
    const Point at = {draws.uniform(-110, 110), draws.uniform(-75, 10), draws.uniform(40, 110)};
    const double radius = draws.uniform(9, 22);
    parts.push_back({{{{at, {radius, radius, radius}}}, {}}, kAbdomenBowel});
  }
  return parts;
}

void scale(Solid& solid, double x, double y) {
  for (Ellipsoid& shape : solid.ellipsoids) {
    shape.centre = {shape.centre.x * x, shape.centre.y * y, shape.centre.z};
    shape.radii = {shape.radii.x * x, shape.radii.y * y, shape.radii.z};
  }
  for (Tube& tube : solid.tubes) {
    for (Bead& bead : tube) bead.at = {bead.at.x * x, bead.at.y * y, bead.at.z};
  }
}

}  // namespace

std::vector<std::string> abdomen_classes() {
  std::vector<std::string> names = {"background"};
  for (const Organ& organ : organs()) names.push_back(organ.name);
  return names;
}

std::vector<Part> draw_abdomen(double variation, DrawSequence& draws) {
  std::vector<Part> parts = trunk(variation, draws);
  const std::vector<Organ> all = organs();
  for (const int index : kPainting) {
    parts.push_back({varied(all[index].solid, spread_of(index, variation), draws),
                     kAbdomenFirstOrgan + index, index + 1});
  }
  const double wide = std::exp(0.05 * variation * bounded_normal(draws));
  const double deep = std::exp(0.05 * variation * bounded_normal(draws));
  for (Part& part : parts) scale(part.solid, wide, deep);
  return parts;
}

}  // namespace semiseg::phantom
