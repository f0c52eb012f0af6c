// SPDX-License-Identifier: Apache-2.0
// The flags of label files, and which of them fit together.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "framework/core/error.h"
#include "framework/scans/grid_match.h"
#include "launch/evaluate/label_files.h"

namespace semiseg {

void EvaluateFiles::add_to(Flags& flags) {
  flags.add("--predictions", predictions, "folder of label files (NIfTI, NRRD, MetaImage)");
  flags.add("--references", references, "folder of label files of the same names");
  flags.add("--output", output,
            "file for the rows; default: RUN/cases.SPLIT.csv, or cases.csv of label files");
  flags.add("--classes", classes,
            "names of labels 1, 2, …: left,right; the background may stand before them");
  flags.add("--spacing", spacing,
            "unit of distances: file (mm; the default of label files), voxel, or D,H,W in mm; a "
            "run takes file or voxel, by default as it was trained");
  flags.add("--definition", definition,
            "metrics as medpy (the default of label files), monai or surface-distance define them; "
            "default of a run: as it was trained");
  flags.add("--definitions", definitions,
            "all, or several of them: their means side by side instead of rows, and as JSON in "
            "RUN/definitions.SPLIT.json or definitions.json (--output names another)");
  flags.add("--json", as_json, "print the means as JSON instead of the table");
  flags.add("--empty", empty,
            "value of a class that is empty in prediction, ground truth or both. ignore: both: "
            "left out of all means, one: overlap 0 and no distance (nnU-Net, MONAI; the default "
            "of label files); exclude: the same, but overlap 1 where both are empty; reference: 0 "
            "throughout, as in SSL4MIS's tables; definition: what the package returns; default of "
            "a run: as it was trained");
  flags.add("--tolerance", tolerance,
            "tolerance of the surface Dice (NSD), in the unit of distances, or one for each class: "
            "2,1.5,1; default: 1, or that of the run");
  flags.add("--metrics", metrics,
            "metrics to measure besides: components, and of a run calibration; see "
            "evaluation.metrics");
  flags.add("--label-values", label_values,
            "values in the label files, one for each class, the background's first: 0,205,420");
  flags.add("--ignore-label", ignore_label,
            "value in the references of voxels without a class: they are not measured");
  flags.add("--allow-missing-affine", allow_missing_affine,
            "accept label files that do not say where their voxels lie");
  flags.add("--grid-tolerance", grid_tolerance,
            "voxels that the grids of prediction and reference may be apart");
  flags.add("--resample", resample, "bring predictions onto the references' grids");
  flags.add("--force", force, "replace the file of rows");
}

void EvaluateFiles::choose(EvaluatorOptions& options) const {
  if (!definition.empty()) {
    metric_definition(definition);
    options.definition = definition;
  }
  if (!empty.empty()) options.empty = empty_policy(empty);
  if (!tolerance.empty()) {
    if (*std::min_element(tolerance.begin(), tolerance.end()) < 0) {
      throw Error(ErrorKind::kConfig, {.what = "not a tolerance",
                                       .where = "--tolerance",
                                       .expected = "one number, 0 or more, or one for each class",
                                       .got = fmt::format("{}", fmt::join(tolerance, ","))});
    }
    options.tolerance = tolerance.front();
    options.class_tolerances = tolerance.size() > 1 ? tolerance : std::vector<double>();
  }
  if (metrics.empty()) return;
  const std::vector<std::string> known = metrics_to_ask();
  for (const std::string& name : metrics) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw Error(ErrorKind::kConfig, {.what = "there is no metric '" + name + "' to ask for",
                                     .where = "--metrics",
                                     .expected = fmt::format("{}", fmt::join(known, ", "))});
  }
  options.metrics = metrics;
}

void EvaluateFiles::refuse_for_run() const {
  const std::vector<std::pair<bool, const char*>> given = {
      {!classes.empty(), "--classes"},
      {!label_values.empty(), "--label-values"},
      {ignore_label.has_value(), "--ignore-label"},
      {resample, "--resample"},
      {allow_missing_affine, "--allow-missing-affine"},
      {grid_tolerance != kGridTolerance, "--grid-tolerance"}};
  for (const auto& [is_given, flag] : given) {
    if (!is_given) continue;
    throw Error(ErrorKind::kConfig, {.what = "this flag concerns label files, not a run",
                                     .where = flag,
                                     .expected = "--predictions and --references with it",
                                     .fix = "leave it out: the run has its own classes and grids"});
  }
}

}  // namespace semiseg
