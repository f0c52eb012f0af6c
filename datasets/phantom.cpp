// SPDX-License-Identifier: Apache-2.0
// phantom: cardiac short-axis stacks made up from nothing, for trying and testing without data.
// Patients differ in anatomy and disease, scanners (vendors A to D) in contrast, blur, noise and
// resolution; each patient has a frame at end diastole and one at end systole, labelled as in ACDC.
// Made once into a cached case store.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>

#include "datasets/phantom_acquisition.h"
#include "framework/core/draws.h"
#include "framework/core/error.h"
#include "framework/data/case_store.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

struct Options {
  int64_t seed = 0, patients_train = 40, patients_val = 6, patients_test = 14, slices = 8,
          size = 80;
  double difficulty = 0.5;
  std::string root;

  explicit Options(const Config& config) {
    config.read("seed", seed, {0, 1e15}, "another seed gives other patients");
    config.read("patients_train", patients_train, {1, 10000}, "training patients, two frames each");
    config.read("patients_val", patients_val, {0, 10000}, "validation patients");
    config.read("patients_test", patients_test, {0, 10000}, "test patients");
    config.read("slices", slices, {5, 24},
                "slices of a stack; a patient has up to two more or fewer");
    config.read("size", size, {32, 512},
                "nominal side of a slice in pixels; vendors have 0.9 to 1.2 of it");
    config.read("difficulty", difficulty, {0, 1},
                "noise, uneven coils and differences between patients; 0: all alike, 1: hardest");
    config.read("root", root,
                "folder for generated data; empty: $SEMISEG_CACHE or the user's cache");
  }

  // Everything that decides the voxels.
  std::string text() const {
    return fmt::format(
        "phantom version 2, seed {}, patients {}+{}+{}, slices {}, size {}, difficulty {}", seed,
        patients_train, patients_val, patients_test, slices, size, difficulty);
  }
};

DatasetInfo phantom_info() {
  return {.name = "phantom",
          .classes = {"background", "right_ventricle", "myocardium", "left_ventricle"},
          .preparation = "orientation=stored normalise=minmax"};
}

fs::path cache_root(const Options& options) {
  if (!options.root.empty()) return options.root;
  if (const char* cache = std::getenv("SEMISEG_CACHE"); cache && *cache) return cache;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) {
    return fs::path(cache) / "semiseg";
  }
  if (const char* home = std::getenv("HOME"); home && *home) {
    return fs::path(home) / ".cache" / "semiseg";
  }
  return fs::temp_directory_path() / "semiseg";
}

struct Patient {
  int64_t number = 0;  // decides anatomy and, by turns, the vendor
  std::string name;
  Split split = Split::kTrain;
};

// The training order is a shuffle, so that the first few patients are a chance mix of vendors.
std::vector<Patient> draw_patients(const Options& options) {
  const Draws draws(static_cast<uint64_t>(options.seed));
  const at::Tensor order = draws.permutation("phantom/order", options.patients_train);
  const int64_t total = options.patients_train + options.patients_val + options.patients_test;
  std::vector<Patient> patients;
  for (int64_t i = 0; i < total; ++i) {
    Patient patient;
    patient.number = i < options.patients_train ? order[i].item<int64_t>() : i;
    patient.name = fmt::format("patient{:03}", patient.number + 1);
    if (i >= options.patients_train) patient.split = Split::kVal;
    if (i >= options.patients_train + options.patients_val) patient.split = Split::kTest;
    patients.push_back(patient);
  }
  return patients;
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

// Min-max over the whole stack, as in ACDC.
at::Tensor normalised(const at::Tensor& image) {
  const at::Tensor low = image.min(), high = image.max();
  return (image - low).div(high - low);
}

// Both frames of one patient.
std::vector<StoredCase> make_cases(const Options& options, const Patient& patient) {
  const Draws draws(static_cast<uint64_t>(options.seed));
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

void make_store(const Options& options, const fs::path& folder) {
  const std::vector<Patient> patients = draw_patients(options);
  std::vector<CaseInfo> infos(patients.size() * 2);
  at::parallel_for(0, static_cast<int64_t>(patients.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto cases = make_cases(options, patients[i]);
      for (size_t frame = 0; frame < 2; ++frame) {
        write_case(folder, cases[frame]);
        infos[2 * i + frame] = cases[frame].info;
      }
    }
  });
  write_index(folder, phantom_info(), infos);
}

// Several processes may want the same data at once: each builds in a folder of its own, the first
// rename wins, and the others take the winner's.
fs::path cached_store(const Options& options) {
  const std::string text = options.text();
  const fs::path root = cache_root(options);
  const fs::path target =
      root / fmt::format("phantom-{:016x}", XXH3_64bits(text.data(), text.size()));
  if (fs::exists(target / "index.csv")) return target;
  const auto fail = [&](const std::string& reason) {
    throw Error(ErrorKind::kIo,
                {.what = "cannot make the phantom data",
                 .where = target.string(),
                 .got = reason,
                 .fix = "set dataset.root or SEMISEG_CACHE to a folder with space"});
  };
  std::error_code code;
  fs::create_directories(root, code);
  if (code) fail(code.message());
  std::string temporary = target.string() + ".tmpXXXXXX";
  if (!::mkdtemp(temporary.data())) fail(std::error_code(errno, std::generic_category()).message());
  try {
    make_store(options, temporary);
  } catch (...) {
    fs::remove_all(temporary, code);
    throw;
  }
  fs::permissions(temporary, fs::perms(0755),
                  code);  // mkdtemp's is for its owner alone; caches are shared
  fs::rename(temporary, target, code);
  if (code) {
    const std::string reason = code.message();
    fs::remove_all(temporary, code);
    if (!fs::exists(target / "index.csv")) fail(reason);
  }
  return target;
}

const bool registered = DatasetRegistry::instance().add(
    {.name = "phantom",
     .summary = "made-up cardiac short-axis stacks of four vendors; needs no data, made in seconds",
     .make = [](const Config& config) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<StoreSource>(cached_store(Options(config)));
     }});

}  // namespace
}  // namespace semiseg
