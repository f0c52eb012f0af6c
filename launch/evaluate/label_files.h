// SPDX-License-Identifier: Apache-2.0
// semiseg evaluate --predictions DIR --references DIR: label files against label files, no run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/metrics/evaluator.h"
#include "launch/command_line/flags.h"

namespace semiseg {

// Label files that were measured, in the order of their names.
struct MeasuredFiles {
  std::vector<EvaluationRow> rows;  // of the named classes or, without names, of all that occur
  EvaluatorOptions options;         // as which they were measured
  std::vector<std::string> failures, extra;  // messages; predictions without a reference
};

struct EvaluateFiles {
  std::filesystem::path predictions, references;  // folders of label files, matched by name
  std::filesystem::path output;      // empty: cases.csv, of several definitions definitions.json
  std::vector<std::string> classes;  // names of labels 1, 2, …; empty: as many as there are
  // "file" (mm of the references), "voxel", or "D,H,W" in mm; empty: file.
  std::string spacing;
  std::string definition, empty;         // empty: medpy, ignore
  std::vector<double> tolerance;         // for the surface Dice, in the unit of `spacing`; empty: 1
  std::vector<std::string> metrics;      // to measure besides, see metrics_to_ask()
  std::vector<std::string> definitions;  // several side by side, or "all"
  bool as_json = false;                  // print the means as JSON
  bool resample = false;                 // resample predictions on other grids
  bool allow_missing_affine = false;
  double grid_tolerance = 0.01;         // voxels
  std::vector<int64_t> label_values;    // see ReadOptions
  std::optional<int64_t> ignore_label;  // in the references, see ReadOptions
  bool force = false;                   // replace `output`

  void add_to(Flags& flags);
  // For a run: throws kConfig naming those flags that concern label files alone.
  void refuse_for_run() const;
  // Sets what the flags say: definition, policy, tolerances and metrics. Throws kConfig for a name
  // that is not known and for a negative tolerance.
  void choose(EvaluatorOptions& options) const;
  bool is_asked() const { return !predictions.empty() || !references.empty(); }

  // Measures all pairs of files. Throws kConfig for settings.
  MeasuredFiles measure() const;
  // Writes `output`, prints the table of means and then the failures. Returns 0, or 3 when a file
  // failed; the others are measured nevertheless. Throws kConfig for settings, kData when no file
  // could be measured.
  int run() const;
};

}  // namespace semiseg
