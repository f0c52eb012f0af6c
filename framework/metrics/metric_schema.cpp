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
           "of its absolute values"}};
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

ExtraMetricField::ExtraMetricField(const MetricField& field) { fields().push_back(field); }
ExtraMetricField::~ExtraMetricField() { fields().pop_back(); }

}  // namespace semiseg
