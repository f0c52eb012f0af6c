// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/metric_schema.h"

namespace semiseg {
namespace {

using Value = MetricValues<double>;
using Mean = MetricValues<MetricMean>;

MetricField overlap(MetricField field) {
  field.unit = MetricUnit::kPercent;
  field.absent = AbsentClass::kOverlap;
  return field;
}

MetricField distance(MetricField field) {
  field.unit = MetricUnit::kDistance;
  field.higher_is_better = false;
  field.of_surfaces = true;
  return field;
}

MetricField component(MetricField field) {
  field.since = 1;
  field.asked_as = "components";
  return field;
}

MetricField component_count(MetricField field) {
  field.absent = AbsentClass::kComputed;
  return component(field);
}

MetricField calibration(MetricField field) {
  field.unit = MetricUnit::kPercent;
  field.higher_is_better = false;
  field.absent = AbsentClass::kComputed;
  field.since = 1;
  field.asked_as = "calibration";
  return field;
}

std::vector<MetricField>& fields() {
  static std::vector<MetricField> schema = {
      overlap({.name = "dice",
               .title = "Dice",
               .brief = "Dice",
               .value = &Value::dice,
               .mean = &Mean::dice}),
      overlap({.name = "jaccard",
               .title = "Jaccard",
               .brief = "Jaccard",
               .value = &Value::jaccard,
               .mean = &Mean::jaccard}),
      distance({.name = "hd95",
                .title = "HD95",
                .brief = "HD95",
                .value = &Value::hd95,
                .mean = &Mean::hd95}),
      distance({.name = "asd",
                .title = "ASD",
                .brief = "ASD",
                .value = &Value::asd,
                .mean = &Mean::asd}),
      distance({.name = "hd",
                .title = "HD",
                .brief = "HD",
                .shown = false,
                .value = &Value::hd,
                .mean = &Mean::hd}),
      distance({.name = "assd",
                .title = "ASSD",
                .brief = "ASSD",
                .shown = false,
                .value = &Value::assd,
                .mean = &Mean::assd}),
      overlap({.name = "surface_dice",
               .title = "NSD",
               .brief = "NSD",
               .at_tolerance = true,
               .of_surfaces = true,
               .since = 1,
               .value = &Value::surface_dice,
               .mean = &Mean::surface_dice,
               .meaning = "Normalised surface Dice: the part of both surfaces that is within the "
                          "tolerance of the other one, in percent"}),
      {.name = "volume_error",
       .title = "volume error",
       .brief = "volume",
       .unit = MetricUnit::kPercent,
       .higher_is_better = false,
       .mean_of_absolute = true,
       .absent = AbsentClass::kComputed,
       .since = 1,
       .value = &Value::volume_error,
       .mean = &Mean::volume_error,
       .meaning =
           "(|P| - |R|) / |R| of predicted and reference voxels, in percent; means are those "
           "of its absolute values"},
      component(overlap(
          {.name = "component_f1",
           .title = "component F1",
           .brief = "comp. F1",
           .value = &Value::component_f1,
           .mean = &Mean::component_f1,
           .meaning = "2 found / (2 found + false + missed) connected components, in percent; "
                      "a component is found when a predicted voxel of its class lies in "
                      "it"})),
      component_count({.name = "components_found",
                       .title = "components found",
                       .brief = "found",
                       .value = &Value::components_found,
                       .mean = &Mean::components_found,
                       .meaning = "Connected components of the reference that the prediction "
                                  "overlaps (true positives), a case and class"}),
      component_count({.name = "components_missed",
                       .title = "components missed",
                       .brief = "missed",
                       .higher_is_better = false,
                       .value = &Value::components_missed,
                       .mean = &Mean::components_missed,
                       .meaning = "Connected components of the reference that the prediction does "
                                  "not overlap, a case and class"}),
      component_count({.name = "components_false",
                       .title = "false components",
                       .brief = "false",
                       .higher_is_better = false,
                       .value = &Value::components_false,
                       .mean = &Mean::components_false,
                       .meaning =
                           "Connected components of the prediction that overlap no reference "
                           "(false positives), a case and class"}),
      calibration({.name = "ece",
                   .title = "ECE",
                   .brief = "ECE",
                   .value = &Value::ece,
                   .mean = &Mean::ece,
                   .meaning = "Expected calibration error of the class's probability in the box "
                              "around the class, 15 bins, in percent"}),
      calibration({.name = "brier",
                   .title = "Brier",
                   .brief = "Brier",
                   .value = &Value::brier,
                   .mean = &Mean::brier,
                   .meaning =
                       "Mean squared difference of the class's probability and 0 or 1 in the "
                       "box around the class, in percent"})};
  return schema;
}

}  // namespace

const std::vector<MetricField>& metric_schema() { return fields(); }

std::vector<MetricField> shown_metrics() {
  std::vector<MetricField> shown;
  for (const MetricField& field : metric_schema()) {
    if (field.shown) shown.push_back(field);
  }
  return shown;
}

std::vector<std::string> metrics_to_ask() {
  std::vector<std::string> names;
  for (const MetricField& field : metric_schema()) {
    if (field.asked_as && (names.empty() || names.back() != field.asked_as))
      names.emplace_back(field.asked_as);
  }
  return names;
}

ExtraMetricField::ExtraMetricField(const MetricField& field) { fields().push_back(field); }
ExtraMetricField::~ExtraMetricField() { fields().pop_back(); }

}  // namespace semiseg
