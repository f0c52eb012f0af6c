// SPDX-License-Identifier: Apache-2.0
// cardiac_phantom: cardiac short-axis stacks made up from nothing, for trying and testing without data.
// Patients differ in anatomy and disease, scanners (vendors A to D) in contrast, blur, noise and
// resolution; each patient has a frame at end diastole and one at end systole, labelled as in ACDC.
// Made once into a cached case store.
#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>

#include "datasets/made_store.h"
#include "datasets/phantom/phantom_acquisition.h"
#include "datasets/phantom/phantom_patients.h"
#include "framework/config/option_list.h"
#include "framework/core/random/draws.h"

namespace semiseg::cardiac_phantom {
namespace {

struct Options {
  phantom::PatientOptions patients;
  int64_t slices = 8, size = 80;
  double difficulty = 0.5;

  static Options read(const Config& config) {
    Options o;
    o.patients.read(config);
    config.read("slices", o.slices, {5, 24},
                "Mean number of slices of a stack; single patients have up to two more or fewer.");
    config.read("size", o.size, {32, 512},
                "Nominal side of a slice, in pixels; vendors have 0.9 to 1.2 of it. Raise it for a "
                "harder and slower task.");
    config.read("difficulty", o.difficulty, {0, 1},
                "Noise, coil inhomogeneity and differences between patients, from 0 (all alike) to "
                "1 (hardest). Lower it when a method should work at all, raise it to tell good "
                "methods apart.");
    return o;
  }

  // Everything that decides the voxels.
  std::string text() const {
    return fmt::format("phantom version 2, {}, slices {}, size {}, difficulty {}", patients.text(),
                       slices, size, difficulty);
  }
};

DatasetInfo phantom_info() {
  return {.name = "cardiac_phantom",
          .classes = {"background", "right_ventricle", "myocardium", "left_ventricle"},
          .preparation = "orientation=stored normalise=minmax"};
}

// A stack of slices, from a little above the valve plane to a little below the apex.
struct Stack {
  int64_t slices;
  double first_depth_mm;
};

Stack draw_stack(const Options& options, phantom::Anatomy& anatomy, double thickness,
                 DrawSequence& draws) {
  const int64_t slices = options.slices + draws.integer(-2, 3);
  const double above = draws.uniform(0.1, 1.3), below = draws.uniform(0.0, 1.1);
  // The heart takes the length that is left: stacks of few slices are those of short hearts.
  anatomy.length = thickness * (static_cast<double>(slices) - above - below);
  return {slices, -thickness * (above - 0.5)};
}

// Both frames of one patient.
std::vector<StoredCase> make_cases(const Options& options, const phantom::Patient& patient) {
  const Draws draws(static_cast<uint64_t>(options.patients.seed));
  DrawSequence body = draws.sequence("phantom/body", patient.number);
  DrawSequence scanner = draws.sequence("phantom/scanner", patient.number);
  DrawSequence noise = draws.sequence("phantom/noise", patient.number);
  phantom::Anatomy anatomy = phantom::draw_anatomy(body, options.difficulty);
  const int vendor = static_cast<int>(patient.number % phantom::kVendors);
  const auto how = phantom::draw_acquisition(vendor, options.size, options.difficulty, scanner);
  const Stack stack = draw_stack(options, anatomy, how.grid.thickness_mm, scanner);
  const int64_t size = how.grid.size;
  std::vector<StoredCase> cases;
  for (const bool systole : {false, true}) {
    StoredCase made;
    made.info = {patient.name + (systole ? "_es" : "_ed"), patient.name, how.vendor, patient.split};
    made.preparation = options.text();
    made.volume.spacing_mm = {how.grid.thickness_mm, how.grid.spacing_mm, how.grid.spacing_mm};
    made.volume.has_spacing = true;
    at::Tensor image = at::empty({1, stack.slices, size, size});
    made.volume.label = at::empty({stack.slices, size, size}, at::kByte);
    for (int64_t slice = 0; slice < stack.slices; ++slice) {
      const double breath = 1.5 * options.difficulty;
      const phantom::Plane plane = {
          systole, stack.first_depth_mm + static_cast<double>(slice) * how.grid.thickness_mm,
          breath * noise.normal(), breath * noise.normal()};
      const phantom::Scene scene = phantom::paint(anatomy, plane, how.grid);
      const auto pixels = phantom::acquire(scene, how, noise);
      std::copy(pixels.begin(), pixels.end(), image[0][slice].data_ptr<float>());
      std::copy(scene.label.begin(), scene.label.end(),
                made.volume.label[slice].data_ptr<uint8_t>());
    }
    made.volume.image = normalised(image);
    cases.push_back(std::move(made));
  }
  return cases;
}

// The data keep their first name, by which older versions cached them.
std::filesystem::path phantom_store(const Options& options) {
  return phantom::patients_store(
      "phantom", phantom_info(), options.patients, options.text(), 2,
      [&](const phantom::Patient& patient) { return make_cases(options, patient); });
}

const bool registered = DatasetRegistry::instance().add(
    {.name = "cardiac_phantom",
     .summary =
         "Generated cardiac short-axis scans of four vendors: made in seconds, nothing to download",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& config) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<StoreSource>(phantom_store(Options::read(config)));
     }},
    /*former_names=*/{"phantom"});

}  // namespace
}  // namespace semiseg::cardiac_phantom
