// SPDX-License-Identifier: Apache-2.0
// atrium_phantom: synthetic late-enhancement scans of left atria, for 3-D methods. As in the Left
// Atrium Segmentation Challenge (Xiong et al., MedIA 2021) one class is labelled: the cavity with
// its appendage and the first centimetres of four pulmonary veins. Its wall is thin and enhanced in
// patches; the other chambers and great vessels are as bright and are background.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "datasets/phantom/phantom_patients.h"
#include "datasets/phantom/phantom_scan.h"
#include "framework/config/option_list.h"

namespace semiseg::phantom::atrium_phantom {
namespace {

struct Options {
  PatientOptions patients{.patients_train = 16, .patients_val = 3, .patients_test = 6, .root = ""};
  int64_t slices = 32, size = 80;
  double difficulty = 0.5;

  static Options read(const Config& config) {
    Options o;
    o.patients.read(config);
    config.read("slices", o.slices, {8, 256},
                "Number of slices of a volume, over about 80 mm. Raise it for thinner slices.");
    config.read(
        "size", o.size, {24, 512},
        "Side of a slice in voxels, over about 115 mm. Raise it for a harder and slower task.");
    config.read("difficulty", o.difficulty, {0, 1},
                "Noise, coil inhomogeneity and differences between patients, from 0 (all alike) to "
                "1 (hardest). Lower it when a method should work at all, raise it to tell good "
                "methods apart.");
    return o;
  }

  std::string text() const {
    return fmt::format("atrium_phantom version 1, {}, slices {}, size {}, difficulty {}",
                       patients.text(), slices, size, difficulty);
  }
};

enum Tissue { kLung, kFat, kMuscle, kBone, kMyocardium, kBlood, kScar, kTissueCount };

std::vector<Look> looks(double difficulty, DrawSequence& draws) {
  std::vector<Look> result(kTissueCount);
  result[kLung] = {0.08, 0.6};
  result[kFat] = {0.50, 0.25};
  result[kMuscle] = {0.28, 0.3};
  result[kBone] = {0.36, 0.35};
  result[kMyocardium] = {0.22, 0.25};
  result[kBlood] = {0.62, 0.1};
  result[kScar] = {0.72, 0.5};
  for (Look& look : result) look.signal *= std::exp(0.12 * difficulty * bounded_normal(draws));
  return result;
}

// Around the heart: chest wall, lungs, spine, the other chambers, the great vessels.
std::vector<Part> surroundings(const Spread& spread, DrawSequence& draws) {
  const auto part = [&](Solid solid, int tissue) {
    return Part{varied(std::move(solid), spread, draws), tissue};
  };
  return {
      part({{{{0, 0, 0}, {75, 62, 400}}}, {}}, kFat),
      part({{{{0, 0, 0}, {71, 58, 400}}}, {}}, kMuscle),
      part({{{{-46, 6, 0}, {26, 42, 80}}, {{48, 8, 0}, {24, 42, 80}}}, {}}, kLung),
      part({{}, {{{{0, 46, -90}, 14}, {{0, 46, 90}, 14}}}}, kBone),
      part({{}, {{{{17, 38, -90}, 9}, {{15, 38, 90}, 9}}}}, kBlood),
      part({{{{8, -18, 14}, {34, 27, 36}}}, {}}, kFat),
      part({{{{16, -22, 18}, {25, 22, 30}}, {{-14, -28, 14}, {21, 16, 26}}}, {}}, kMyocardium),
      part({{{{16, -22, 18}, {16, 13, 22}}, {{-14, -28, 14}, {18, 13, 23}}}, {}}, kBlood),
      part({{{{-34, -10, 6}, {15, 17, 22}}}, {}}, kBlood),
      part({{},
            {{{{-6, -16, -60}, 11}, {{-2, -15, -6}, 12}},
             {{{12, -22, -60}, 10}, {{12, -20, -14}, 11}}}},
           kBlood),
  };
}

// Veins leave the corners of the body: right and left, superior and inferior.
struct Vein {
  Point ostium, direction;
  double radius;
};

std::vector<Vein> draw_veins(double v, DrawSequence& draws) {
  std::vector<Vein> veins;
  for (const double side : {-1.0, 1.0}) {
    for (const double end : {-1.0, 1.0}) {
      const Point ostium = {side * (22 + v * bounded_normal(draws)), 13 + v * bounded_normal(draws),
                            end * (11 + 1.5 * v * bounded_normal(draws))};
      const Point direction = {side, 0.25 + 0.15 * v * bounded_normal(draws),
                               end * (0.45 + 0.2 * v * bounded_normal(draws))};
      veins.push_back({ostium, direction, 6.5 + 0.8 * v * bounded_normal(draws)});
    }
  }
  return veins;
}

Tube vein_tube(const Vein& vein, double reach) {
  const auto along = [&](double mm) {
    return Point{vein.ostium.x + mm * vein.direction.x, vein.ostium.y + mm * vein.direction.y,
                 vein.ostium.z + mm * vein.direction.z};
  };
  return {
      {along(-8), vein.radius + 1.5}, {along(0), vein.radius}, {along(reach), 0.85 * vein.radius}};
}

// The cavity as it is labelled, and the veins further out, which are not.
struct Atrium {
  Solid cavity, far_veins;
};

Atrium draw_atrium(double v, DrawSequence& draws) {
  Atrium atrium;
  const double large = std::exp(0.14 * v * bounded_normal(draws));  // dilated by fibrillation
  const auto scaled = [&](double mm) { return mm * large; };
  atrium.cavity.ellipsoids = {{{0, 9, 0}, {scaled(27), scaled(18), scaled(23)}},
                              {{6, 4, 4}, {scaled(20), scaled(18), scaled(20)}}};
  atrium.cavity = varied(atrium.cavity, {1.5 * v, 0.04 * v, 0.05 * v}, draws);
  const double cut = draws.uniform(11, 11 + 8 * v);  // height at which readers stop
  for (const Vein& vein : draw_veins(v, draws)) {
    atrium.cavity.tubes.push_back(vein_tube(vein, cut));
    atrium.far_veins.tubes.push_back(vein_tube(vein, 60));
  }
  Solid appendage{
      {}, {{{{20, -1, -8}, 8}, {{31, -8, -12}, 7.5}, {{38, -17, -9}, 5.5}, {{36, -25, -3}, 4}}}};
  appendage = varied(appendage, {1.5 * v, 0.1 * v, 0}, draws);
  atrium.cavity.tubes.push_back(appendage.tubes[0]);
  return atrium;
}

// Enhanced patches of the wall, behind the body and around the veins.
std::vector<Part> draw_scars(const Atrium& atrium, double wall_mm, DrawSequence& draws) {
  std::vector<Part> scars;
  const Ellipsoid& body = atrium.cavity.ellipsoids[0];
  for (int64_t i = draws.integer(2, 6); i > 0; --i) {
    const double angle = draws.uniform(-0.6, 3.7), rise = draws.uniform(-0.6, 0.6);
    const Point at = {body.centre.x + body.radii.x * std::cos(angle),
                      body.centre.y + body.radii.y * std::sin(angle),
                      body.centre.z + body.radii.z * rise};
    const double reach = draws.uniform(3, 7);
    scars.push_back({{{{at, {reach, wall_mm + 1, reach}}}, {}}, kScar});
  }
  return scars;
}

std::vector<StoredCase> make_case(const Options& options, const Patient& patient) {
  const Draws draws(static_cast<uint64_t>(options.patients.seed));
  DrawSequence body = draws.sequence("atrium_phantom/body", patient.number);
  DrawSequence scanner = draws.sequence("atrium_phantom/scanner", patient.number);
  const double v = options.difficulty;
  constexpr double kWallMm = 2.2;
  std::vector<Part> parts = surroundings({3 * v, 0.06 * v, 0.05 * v}, body);
  const Atrium atrium = draw_atrium(v, body);
  parts.push_back({atrium.far_veins, kMyocardium, 0, 1.2});
  parts.push_back({atrium.far_veins, kBlood});
  parts.push_back({atrium.cavity, kMyocardium, 0, kWallMm});
  for (Part& scar : draw_scars(atrium, kWallMm, body)) parts.push_back(std::move(scar));
  parts.push_back({atrium.far_veins, kBlood});
  parts.push_back({atrium.cavity, kBlood, 1});
  const VolumeGrid grid = {options.slices, options.size,
                           80 * scanner.uniform(0.95, 1.05) / static_cast<double>(options.slices),
                           115 * scanner.uniform(0.94, 1.06) / static_cast<double>(options.size)};
  const std::vector<Look> tissue = looks(v, scanner);
  const ScanLook look = {.blur_mm = 1.1 * scanner.uniform(0.9, 1.2),
                         .noise = 0.09 * v * scanner.uniform(0.7, 1.4) + 0.005,
                         .bias = 0.6 * v};
  DrawSequence noise = draws.sequence("atrium_phantom/noise", patient.number);
  const Scanned scanned = scan(paint(parts, tissue, grid), grid, look, noise);
  StoredCase made;
  made.info = {patient.name, patient.name, "", patient.split};
  made.preparation = options.text();
  made.volume = {
      scanned.image, scanned.label, {grid.thickness_mm, grid.spacing_mm, grid.spacing_mm}, true};
  return {std::move(made)};
}

const bool registered = DatasetRegistry::instance().add(
    {.name = "atrium_phantom",
     .summary = "Generated 3-D scans of left atria with veins and appendage: made in seconds, "
                "nothing to download",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& config) -> std::unique_ptr<DatasetSource> {
       const Options options = Options::read(config);
       return std::make_unique<StoreSource>(patients_store(
           "atrium_phantom", {.name = "atrium_phantom", .classes = {"background", "left_atrium"}},
           options.patients, options.text(), 1,
           [&](const Patient& patient) { return make_case(options, patient); }));
     }});

}  // namespace
}  // namespace semiseg::phantom::atrium_phantom
