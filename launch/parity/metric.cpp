// SPDX-License-Identifier: Apache-2.0
// Cases of kind `metric`: medpy, MONAI, surface-distance, and the wrappers of the repositories.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/core/error.h"
#include "framework/metrics/class_surfaces.h"
#include "framework/metrics/surface_statistics.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

using ClassValue = double (*)(const ClassMetrics&, int64_t voxels);

const std::map<std::string, ClassValue> kValues = {
    {"asd", [](const ClassMetrics& m, int64_t) { return m.asd; }},
    {"assd", [](const ClassMetrics& m, int64_t) { return m.assd; }},
    {"dice", [](const ClassMetrics& m, int64_t) { return m.dice; }},
    {"hd", [](const ClassMetrics& m, int64_t) { return m.hd; }},
    {"hd95", [](const ClassMetrics& m, int64_t) { return m.hd95; }},
    {"jaccard", [](const ClassMetrics& m, int64_t) { return m.jaccard; }},
    {"precision", [](const ClassMetrics& m, int64_t) { return m.precision(); }},
    {"ravd", [](const ClassMetrics& m, int64_t) { return m.volume_error; }},
    {"ravd_absolute", [](const ClassMetrics& m, int64_t) { return std::abs(m.volume_error); }},
    {"recall", [](const ClassMetrics& m, int64_t) { return m.recall(); }},
    {"specificity", [](const ClassMetrics& m, int64_t n) { return m.specificity(n); }},
    {"surface_dice", [](const ClassMetrics& m, int64_t) { return m.surface_dice; }},
    {"surface_dice_1", [](const ClassMetrics& m, int64_t) { return m.surface_dice; }}};

// MagicNet's surface Dice is surface-distance's, everything else of a wrapper medpy's.
MetricOptions options_of(const ParityCase& c, const std::string& metric, EmptyPolicy empty) {
  const std::string definition = metric == "surface_dice_1" ? "surface-distance" : "medpy";
  return {.empty = empty,
          .spacing = c.options.value("spacing", std::vector<double>()),
          .connectivity = c.options.value("connectivity", 1),
          .definition = metric_definition(c.options.value("definition", definition)),
          .tolerance = c.options.value("tolerance", 1.0)};
}

// Prediction and truth, the other way round where the case asks for it.
std::pair<at::Tensor, at::Tensor> maps_of(const ParityCase& c) {
  const at::Tensor prediction = c.tensor("in.prediction"), truth = c.tensor("in.truth");
  if (c.options.value("swapped", false)) return {truth, prediction};
  return {prediction, truth};
}

// MONAI's directed Hausdorff distances, which no other part of the program needs: from the
// prediction to the truth alone. Where one of them is empty the distance is ∞, as are those of both
// directions; a percentile of infinities is NaN.
at::Tensor directed_values(const ParityCase& c, const std::string& metric) {
  if (c.options.at("definition") != "monai")
    throw Error(ErrorKind::kData, {.what = "directed distances are known of MONAI only"});
  const auto [prediction, truth] = maps_of(c);
  const SurfaceOptions options{.spacing = c.options.value("spacing", std::vector<double>()),
                               .connectivity = c.options.value("connectivity", 1)};
  std::vector<double> values;
  for (const ClassSurfaces& surfaces :
       compare_surfaces(prediction, truth, c.options.at("classes"), options)) {
    std::vector<double> there = surfaces.there.distances;
    const bool is_empty = surfaces.prediction_voxels + surfaces.reference_voxels == 0;
    if (there.empty() && !is_empty) there.assign(2, std::numeric_limits<double>::infinity());
    values.push_back(is_empty           ? std::numeric_limits<double>::quiet_NaN()
                     : metric == "hd95" ? percentile(there, 0.95)
                                        : *std::max_element(there.begin(), there.end()));
  }
  return at::tensor(values, at::kDouble);
}

// GenericSSL and DHC: overlap in percent but 1 for two empty maps, distance 128 where one is empty.
at::Tensor in_percent(const ParityCase& c, const std::string& metric, const at::Tensor& value) {
  const at::Tensor truth = c.tensor("in.truth"), prediction = c.tensor("in.prediction");
  at::Tensor result = value.clone();
  const bool is_overlap = metric == "dice" || metric == "jaccard";
  for (int64_t row = 0; row < value.size(0); ++row) {
    const bool no_truth = !(truth == row + 1).any().item<bool>(),
               no_prediction = !(prediction == row + 1).any().item<bool>();
    if (is_overlap) {
      result[row] = no_truth && no_prediction ? at::ones({}, value.options()) : 100 * value[row];
    } else if (no_truth || no_prediction) {
      result[row] = no_truth && no_prediction ? 0 : 128;
    }
  }
  return result;
}

// Columns that a repository's wrapper returns. Without a guard it raises with medpy where a side of
// a class is empty: there the distances must have no value, and the whole row has none.
void run_convention(const ParityCase& c, Comparison& comparison) {
  const std::string convention = c.options.value("convention", "");
  std::vector<at::Tensor> columns, distances;
  for (const std::string name : c.options.at("order")) {
    columns.push_back(metric_values(c, name, EmptyPolicy::kReference));
    if (convention == "generic_ssl" || convention == "dhc")
      columns.back() = in_percent(c, name, columns.back());
    if (name != "dice" && name != "ravd_absolute")
      distances.push_back(metric_values(c, name, EmptyPolicy::kExclude));
  }
  const at::Tensor values = at::stack(columns, 1), no_distance = at::stack(distances, 1).isnan();
  const nlohmann::json raises = c.options.value("raises", nlohmann::json::object());
  for (const auto& [name, error] : raises.items()) {
    const int64_t row = std::stoll(name) - 1;  // row of the class
    comparison.require(no_distance[row].all().item<bool>(),
                       "a distance where the reference raises");
    values[row].fill_(NAN);
  }
  if (c.has("out.values")) return comparison.compare("out.values", values);
  comparison.require(values.isnan().all().item<bool>(), "a value where the reference raises");
}

}  // namespace

at::Tensor metric_values(const ParityCase& c, const std::string& metric, EmptyPolicy empty) {
  const ClassValue value = known(kValues, "metric", metric);
  if (c.options.value("directed", false)) return directed_values(c, metric);
  const auto [prediction, truth] = maps_of(c);
  std::vector<double> values;
  for (const auto& m :
       compute_metrics(prediction, truth, c.options.at("classes"), options_of(c, metric, empty)))
    values.push_back(value(m, prediction.numel()));
  return at::tensor(values, at::kDouble);
}

void run_metric(const ParityCase& c, Comparison& comparison) {
  if (c.name == "reference_convention") return run_convention(c, comparison);
  // MONAI's switch for the Dice of two empty maps; medpy has none.
  const bool as_excluded = !c.options.value("ignore_empty", true);
  const at::Tensor values =
      metric_values(c, c.name, as_excluded ? EmptyPolicy::kExclude : EmptyPolicy::kDefinition);
  if (c.has("out." + c.name)) return comparison.compare("out." + c.name, values);
  comparison.require(c.options.contains("raises"), "the case expects nothing");
  comparison.require(values.isnan().all().item<bool>(), "a value where the reference raises");
}

}  // namespace semiseg
