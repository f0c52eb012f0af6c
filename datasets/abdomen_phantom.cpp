// SPDX-License-Identifier: Apache-2.0
// abdomen_phantom: trunks made up from nothing with the thirteen organs of BTCV, whose volumes
// differ by more than a hundred. A patient is seen twice, by a CT-like and an MR-like scanner on
// the same grid: two cases of one anatomy, whose centres are "ct" and "mr".
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "datasets/phantom/abdomen_phantom_organs.h"
#include "datasets/phantom/phantom_patients.h"
#include "datasets/phantom/phantom_scan.h"
#include "framework/config/option_list.h"
#include "framework/core/nearest.h"

namespace semiseg::phantom::abdomen_phantom {
namespace {

struct Options {
  PatientOptions patients{.patients_train = 12, .patients_val = 2, .patients_test = 4, .root = ""};
  int64_t slices = 32, size = 96;
  double difficulty = 0.5;
  std::string modality = "both";
  std::vector<std::string> organs;

  static Options read(const Config& config) {
    Options o;
    o.patients.read(config);
    config.read("slices", o.slices, {24, 256},
                "Number of slices of a volume, over about 200 mm. Raise it for thinner slices.");
    config.read(
        "size", o.size, {64, 512},
        "Side of a slice in voxels, over about 360 mm. Raise it for a harder and slower task.");
    config.read("difficulty", o.difficulty, {0, 1},
                "Noise, coil inhomogeneity and differences between patients, from 0 (all alike) to "
                "1 (hardest). Lower it when a method should work at all, raise it to tell good "
                "methods apart.");
    config.read("modality", o.modality, {"both", "ct", "mr"},
                "Modality of the cases of a patient: CT-like and MR-like (both), or one of them. "
                "Take one for a task without domain shift.");
    config.read("organs", o.organs,
                "Organs that are labelled, in this order; empty: all thirteen. Name one for a "
                "binary task, such as a part of a collection.");
    for (const std::string& organ : o.organs) {
      const std::vector<std::string> all = abdomen_classes();
      if (std::find(all.begin() + 1, all.end(), organ) == all.end())
        config.fail("organs", fmt::format("there is no organ '{}'", organ), suggestion(organ, all));
    }
    return o;
  }

  std::vector<std::string> classes() const {
    std::vector<std::string> names = abdomen_classes();
    if (organs.empty()) return names;
    names.resize(1);
    names.insert(names.end(), organs.begin(), organs.end());
    return names;
  }

  // The label map with the chosen organs alone.
  at::Tensor chosen(const at::Tensor& label) const {
    if (organs.empty()) return label;
    const std::vector<std::string> all = abdomen_classes();
    at::Tensor result = at::zeros_like(label);
    for (size_t k = 0; k < organs.size(); ++k) {
      const auto value = std::find(all.begin(), all.end(), organs[k]) - all.begin();
      result.masked_fill_(label == value, static_cast<int64_t>(k) + 1);
    }
    return result;
  }

  std::vector<std::string> modalities() const {
    if (modality == "both") return {"ct", "mr"};
    return {modality};
  }

  std::string text() const {
    const std::string all =
        fmt::format("abdomen_phantom version 1, {}, slices {}, size {}, difficulty {}, {}",
                    patients.text(), slices, size, difficulty, modality);
    return organs.empty() ? all : fmt::format("{}, organs {}", all, fmt::join(organs, " "));
  }
};

// Signals from 0 to 1, of CT in a soft-tissue window after contrast medium (portal phase), of MR in
// a fat-saturated T1 image. In the order of the tissues.
// clang-format off
constexpr double kCt[kAbdomenTissues] = {
    0.00, 0.22, 0.50, 0.88, 0.42,
    //  spleen, kidneys, gallbladder, esophagus, liver, stomach, aorta, cava, portal, pancreas, adrenals
    0.66, 0.74, 0.74, 0.40, 0.50, 0.60, 0.44, 0.80, 0.73, 0.76, 0.55, 0.57, 0.57};
constexpr double kMr[kAbdomenTissues] = {
    0.01, 0.16, 0.34, 0.10, 0.50,
    0.38, 0.48, 0.48, 0.12, 0.36, 0.58, 0.28, 0.72, 0.68, 0.66, 0.66, 0.40, 0.40};
// clang-format on

std::vector<Look> looks(bool ct, double difficulty, DrawSequence& draws) {
  std::vector<Look> result;
  for (int tissue = 0; tissue < kAbdomenTissues; ++tissue) {
    const double spread = (ct ? 0.03 : 0.08) * difficulty * bounded_normal(draws);
    const bool uneven = tissue == kAbdomenBowel || tissue == kAbdomenBone;
    result.push_back(
        {(ct ? kCt : kMr)[tissue] * std::exp(spread), (ct ? 0.08 : 0.12) * (uneven ? 4 : 1)});
  }
  return result;
}

ScanLook scanner_look(bool ct, double difficulty, DrawSequence& draws) {
  const double noisy = draws.uniform(0.7, 1.4) * difficulty;
  if (ct) return {.blur_mm = 1.6, .noise = 0.05 * noisy + 0.005, .magnitude = false, .bias = 0};
  return {.blur_mm = 2.2, .noise = 0.06 * noisy + 0.005, .bias = 0.5 * difficulty};
}

std::vector<StoredCase> make_cases(const Options& options, const Patient& patient) {
  const Draws draws(static_cast<uint64_t>(options.patients.seed));
  DrawSequence body = draws.sequence("abdomen_phantom/body", patient.number);
  const std::vector<Part> parts = draw_abdomen(options.difficulty, body);
  const VolumeGrid grid = {options.slices, options.size,
                           200 * body.uniform(0.97, 1.03) / static_cast<double>(options.slices),
                           360 * body.uniform(0.97, 1.05) / static_cast<double>(options.size)};
  std::vector<StoredCase> cases;
  for (const std::string& modality : options.modalities()) {
    const bool ct = modality == "ct";
    DrawSequence scanner = draws.sequence("abdomen_phantom/" + modality, patient.number);
    const std::vector<Look> tissue = looks(ct, options.difficulty, scanner);
    const ScanLook look = scanner_look(ct, options.difficulty, scanner);
    const Scanned scanned = scan(paint(parts, tissue, grid), grid, look, scanner);
    StoredCase made;
    made.info = {patient.name + "_" + modality, patient.name, modality, patient.split};
    made.preparation = options.text();
    made.volume = {scanned.image,
                   options.chosen(scanned.label),
                   {grid.thickness_mm, grid.spacing_mm, grid.spacing_mm},
                   true};
    cases.push_back(std::move(made));
  }
  return cases;
}

const bool registered = DatasetRegistry::instance().add(
    {.name = "abdomen_phantom",
     .summary = "Generated abdomens with 13 organs of very unequal volume, CT-like and MR-like: "
                "nothing to download",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& config) -> std::unique_ptr<DatasetSource> {
       const Options options = Options::read(config);
       return std::make_unique<StoreSource>(patients_store(
           "abdomen_phantom", {.name = "abdomen_phantom", .classes = options.classes()},
           options.patients, options.text(), options.modalities().size(),
           [&](const Patient& patient) { return make_cases(options, patient); }));
     }});

}  // namespace
}  // namespace semiseg::phantom::abdomen_phantom
