// SPDX-License-Identifier: Apache-2.0
// semiseg parity FILE…: proves the program equal to recorded cases of reference implementations.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "framework/core/error.h"
#include "framework/run/world.h"
#include "launch/command_line/flags.h"
#include "launch/parity/run_case.h"
#include "launch/parity/statistics_case.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

// The files of a place: itself, or all cases below a folder, sorted.
std::vector<fs::path> cases_of(const fs::path& place) {
  if (!fs::is_directory(place)) return {place};
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(place)) {
    if (entry.path().extension() == ".safetensors" || is_statistics_case(entry.path()))
      files.push_back(entry.path());
  }
  if (files.empty()) {
    throw Error(ErrorKind::kData,
                {.what = "no parity case in this folder",
                 .where = place.string(),
                 .expected = "files *.safetensors, or *.json with answers of SciPy"});
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct Count {
  int64_t passed = 0, failed = 0, skipped = 0;
  int unreadable = 0;  // exit code of the last error; 0: none

  void add(Verdict verdict) {
    (verdict == Verdict::kPassed ? passed : verdict == Verdict::kFailed ? failed : skipped) += 1;
  }
};

void run_files(const fs::path& place, Arithmetic arithmetic, Count& count) {
  for (const fs::path& file : cases_of(place)) {
    try {
      const ParityResult result = run_case(load_case(file), arithmetic);
      count.add(result.verdict);
      std::cout << fmt::format("{}  {}  {}\n", to_string(result.verdict), file.string(),
                               result.detail)
                << std::flush;
    } catch (const std::exception& error) {
      count.unreadable = report(error);
    }
  }
}

}  // namespace

int run_parity(const Arguments& arguments) {
  Flags flags("parity",
              "Runs recorded cases of reference implementations. One line a case: the largest "
              "deviation of what it allows, and where; exit code 1 if one failed. Names that are "
              "not registered are skipped.",
              "example: semiseg parity tests/fixtures\n"
              "         semiseg parity method/bcp_acdc_selftrain.safetensors --float32");
  std::vector<fs::path> places;
  bool float32 = false;
  flags.require("cases", places, "case files, or folders of them");
  flags.add("--float32", float32,
            "cases of methods in float32, as trainings compute, against a tolerance of their own "
            "that a rectifier that flips exceeds; without it in float64");
  if (const auto code = flags.parse(arguments)) return *code;
  const Arithmetic arithmetic = float32 ? Arithmetic::kFloat32 : Arithmetic::kFloat64;
  // Cases are small. All public ones took 21 s on one thread and 46 s on two.
  at::set_num_threads(1);
  Count count;
  for (const fs::path& place : places) {
    try {
      run_files(place, arithmetic, count);
    } catch (const std::exception& error) {
      count.unreadable = report(error);
    }
  }
  std::cout << fmt::format("{} passed, {} failed, {} skipped\n", count.passed, count.failed,
                           count.skipped);
  return count.failed > 0 ? 1 : count.unreadable;
}

}  // namespace semiseg
