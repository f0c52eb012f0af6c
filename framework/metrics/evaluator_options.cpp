// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "framework/core/error.h"
#include "framework/metrics/evaluator.h"

namespace semiseg {
namespace {

void check_metrics(const Config& section, const std::vector<std::string>& metrics) {
  const std::vector<std::string> known = metrics_to_ask();
  for (const std::string& name : metrics) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    section.fail("metrics", fmt::format("there is no metric '{}' to ask for", name),
                 fmt::format("{}", fmt::join(known, ", ")),
                 "the others are measured without being asked for");
  }
}

}  // namespace

const char* to_string(DistanceUnit unit) { return unit == DistanceUnit::kVoxel ? "voxel" : "mm"; }

EvaluatorOptions EvaluatorOptions::read(const Config& section) {
  EvaluatorOptions o;
  std::string unit = to_string(o.unit), empty = to_string(o.empty);
  section.read("definition", o.definition, {"medpy", "monai", "surface-distance"},
               "Package whose HD95, surface distances and surface Dice are computed. Keep medpy to "
               "compare with most published tables; change it to compare with numbers that "
               "another package measured.",
               Effect::kMeasurement);
  section.read("tolerance", o.tolerance, {0, 1e6},
               "Distance up to which a surface counts as found by the surface Dice, in the unit of "
               "distances. Set it to what observers differ by.",
               Effect::kMeasurement);
  section.read("class_tolerances", o.class_tolerances, {0, 1e6},
               "The same for each foreground class, in their order; []: tolerance for all. Set it "
               "where observers differ more in some structures than in others.",
               Effect::kMeasurement);
  section.read("metrics", o.metrics,
               "Metrics to measure besides, for a final evaluation: components (connected "
               "components found, missed and falsely predicted, and their F1), calibration (ECE "
               "and Brier score of each class in the box around it, which predicts every case "
               "twice). Set components for lesions, calibration where probabilities are used.",
               Effect::kMeasurement);
  check_metrics(section, o.metrics);
  section.read("unit", unit, {"voxel", "mm"},
               "Unit of distances. Take mm where the data set knows its spacing and the numbers "
               "are for clinicians; most published tables of ACDC and LA are in voxels.",
               Effect::kMeasurement);
  section.read(
      "empty", empty, {"ignore", "exclude", "reference", "definition", "generic_ssl"},
      "Value of a metric for a class that is empty in the prediction or the ground truth. "
      "ignore: a case without the class in both counts in no mean, and distances that do "
      "not exist are left out and counted; exclude: the same, but overlap 1 where both are "
      "empty; reference: zero, as in published code; definition: the value of the package "
      "that definition names; generic_ssl: as GenericSSL and DHC compute, a distance of 128 where "
      "one is empty, and Dice 1 of 100 where both are. Change it only to repeat published numbers.",
      Effect::kMeasurement);
  o.unit = unit == "mm" ? DistanceUnit::kMillimetre : DistanceUnit::kVoxel;
  o.empty = empty_policy(empty);
  return o;
}

bool EvaluatorOptions::asks_for(const std::string& metric) const {
  return std::find(metrics.begin(), metrics.end(), metric) != metrics.end();
}

std::string EvaluatorOptions::tolerance_text() const {
  if (class_tolerances.empty()) return fmt::format("{}", tolerance);
  return fmt::format("{}", fmt::join(class_tolerances, ","));
}

void EvaluatorOptions::check_classes(const std::vector<std::string>& classes) const {
  const auto foreground = std::ssize(classes) - 1;
  if (class_tolerances.empty() || std::ssize(class_tolerances) == foreground) return;
  throw Error(ErrorKind::kConfig,
              {.what = std::ssize(class_tolerances) > foreground
                           ? "a tolerance of the surface Dice is for a class that is not there"
                           : "a class has no tolerance of the surface Dice",
               .where = "evaluation.class_tolerances",
               .expected = fmt::format("{}, one for each of {}", foreground,
                                       fmt::join(classes.begin() + 1, classes.end(), ", ")),
               .got = fmt::format("{}: {}", class_tolerances.size(), tolerance_text())});
}

}  // namespace semiseg
