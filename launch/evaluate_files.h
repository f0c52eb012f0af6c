// SPDX-License-Identifier: Apache-2.0
// semiseg evaluate --predictions DIR --references DIR: label files against label files, no run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "launch/flags.h"

namespace semiseg {

struct EvaluateFiles {
  std::filesystem::path predictions, references;  // folders of label files, matched by name
  std::filesystem::path output = "cases.csv";
  std::vector<std::string> classes;  // names of labels 1, 2, …; empty: as many as there are
  std::string spacing = "file";      // mm of the references, "voxel", or "D,H,W" in mm
  std::string definition = "medpy", empty = "exclude";
  double tolerance = 1;   // of the surface Dice, in mm or voxels as `spacing` says
  bool resample = false;  // predictions on other grids
  bool allow_missing_affine = false;
  double grid_tolerance = 0.01;       // voxels
  std::vector<int64_t> label_values;  // see ReadOptions
  bool force = false;                 // replace `output`

  void add_to(Flags& flags);
  bool is_asked() const { return !predictions.empty() || !references.empty(); }

  // Writes `output`, prints the table of means and then what failed. 0, or 3 when a file failed;
  // the others are measured nevertheless. kConfig for settings, kData when no file could be
  // measured.
  int run() const;
};

}  // namespace semiseg
