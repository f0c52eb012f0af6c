// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/metrics.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/ignore_label.h"
#include "framework/metrics/asked/calibration.h"
#include "framework/metrics/asked/components.h"
#include "framework/metrics/class_surfaces.h"
#include "framework/metrics/label_boxes.h"
#include "framework/metrics/metric_schema.h"
#include "framework/metrics/surface_statistics.h"

namespace semiseg {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
double ratio(int64_t part, int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);  // 0/0 is NaN
}

double robust_hausdorff(const ClassSurfaces& surfaces, MetricDefinition definition) {
  const auto &there = surfaces.there, &back = surfaces.back;
  constexpr double kFraction = 0.95;
  switch (definition) {
    case MetricDefinition::kMonai:
      return std::max(percentile(there.distances, kFraction),
                      percentile(back.distances, kFraction));
    case MetricDefinition::kSurfaceDistance:
      return std::max(weighted_percentile(there, kFraction), weighted_percentile(back, kFraction));
    case MetricDefinition::kMedpy:
      break;
  }
  std::vector<double> both = there.distances;
  both.insert(both.end(), back.distances.begin(), back.distances.end());
  return percentile(std::move(both), kFraction);
}

void set_distances(ClassMetrics& m, const ClassSurfaces& surfaces, const MetricOptions& options,
                   double tolerance) {
  const auto &there = surfaces.there, &back = surfaces.back;
  m.hd = std::max(largest_distance(there), largest_distance(back));
  m.hd95 = robust_hausdorff(surfaces, options.definition);
  m.asd = mean_distance(there);
  m.assd = mean_distance(there, back);
  m.surface_dice = surface_dice(there, back, tolerance);
}

void leave_out_surfaces(ClassMetrics& m) {
  for (const MetricField& field : metric_schema()) {
    if (field.of_surfaces) m.*field.value = kNaN;
  }
}

void set_empty_by_field(ClassMetrics& m) {
  for (const MetricField& field : metric_schema()) {
    if (field.absent == AbsentClass::kMissing) m.*field.value = kNaN;
    if (field.absent == AbsentClass::kOverlap) m.*field.value = m.both_empty() ? 1 : 0;
  }
}

// medpy's distances raise, and its dc divides 0 by 0. MONAI leaves classes without reference out of
// the Dice; its distances are ∞ where one map is empty, whichever, and percentiles interpolate two
// of them to NaN. surface-distance has NaN where nothing is measured and ∞ where there is nothing
// to be measured to.
void set_empty_by_definition(ClassMetrics& m, MetricDefinition definition) {
  leave_out_surfaces(m);
  if (definition == MetricDefinition::kMedpy) {
    m.dice = m.both_empty() ? kNaN : 0;
    m.jaccard = m.both_empty() ? 1 : 0;
    return;
  }
  const bool monai = definition == MetricDefinition::kMonai;
  m.dice = m.jaccard = m.both_empty() || (monai && m.false_positive()) ? kNaN : 0;
  m.surface_dice = m.both_empty() ? kNaN : 0;
  if (monai ? !m.both_empty() : m.false_positive()) m.asd = kInfinity;
  if (!m.both_empty()) m.assd = kInfinity;
  if (!monai || !m.both_empty()) m.hd = kInfinity;
  if (!monai) m.hd95 = kInfinity;
}

void set_empty_as_generic_ssl(ClassMetrics& m) {
  for (const MetricField& field : metric_schema()) {
    if (field.absent == AbsentClass::kMissing) m.*field.value = m.both_empty() ? 0 : 128;
    if (field.absent == AbsentClass::kOverlap) m.*field.value = m.both_empty() ? 0.01 : 0;
  }
}

void set_empty(ClassMetrics& m, const MetricOptions& options) {
  switch (options.empty) {
    case EmptyPolicy::kIgnore:
      set_empty_by_field(m);
      if (!m.both_empty()) break;
      for (const MetricField& field : metric_schema()) m.*field.value = kNaN;
      break;
    case EmptyPolicy::kExclude:
      set_empty_by_field(m);
      break;
    case EmptyPolicy::kReference:
      for (const MetricField& field : metric_schema()) m.*field.value = 0;
      break;
    case EmptyPolicy::kDefinition:
      set_empty_by_definition(m, options.definition);
      break;
    case EmptyPolicy::kGenericSsl:
      set_empty_as_generic_ssl(m);
      break;
  }
}

// The fields that were not asked for have no value, whatever the policy.
void leave_out_unasked(ClassMetrics& m, const MetricOptions& options) {
  if (!options.components)
    m.component_f1 = m.components_found = m.components_missed = m.components_false = kNaN;
  if (!options.probabilities) m.ece = m.brier = kNaN;
}

// Completes the metrics of a class whose components and calibration are set.
void complete(ClassMetrics& m, const ClassSurfaces& surfaces, const MetricOptions& options,
              double tolerance) {
  m.prediction_voxels = surfaces.prediction_voxels;
  m.reference_voxels = surfaces.reference_voxels;
  m.overlap_voxels = surfaces.overlap_voxels;
  const int64_t both = m.prediction_voxels + m.reference_voxels;
  m.volume_error = m.reference_voxels == 0
                       ? kNaN
                       : ratio(m.prediction_voxels - m.reference_voxels, m.reference_voxels);
  m.dice = ratio(2 * m.overlap_voxels, both);
  m.jaccard = ratio(m.overlap_voxels, both - m.overlap_voxels);
  const bool empty = m.prediction_voxels == 0 || m.reference_voxels == 0;
  if (empty) {
    set_empty(m, options);
  } else if (options.distances) {
    set_distances(m, surfaces, options, tolerance);
  }
  if (!options.distances && !(empty && options.empty == EmptyPolicy::kReference)) {
    leave_out_surfaces(m);
  }
  leave_out_unasked(m, options);
}

void set_components(std::vector<ClassMetrics>& metrics, const at::Tensor& prediction,
                    const at::Tensor& reference) {
  const auto counts = count_components(prediction, reference, std::ssize(metrics) + 1);
  for (size_t i = 0; i < metrics.size(); ++i) {
    metrics[i].component_f1 = counts[i].f1();
    metrics[i].components_found = static_cast<double>(counts[i].found);
    metrics[i].components_missed = static_cast<double>(counts[i].missed);
    metrics[i].components_false = static_cast<double>(counts[i].false_positive);
  }
}

// `prediction` and `reference` without the voxels that do not count; `labels`: the reference with
// them.
void set_calibration(std::vector<ClassMetrics>& metrics, const at::Tensor& prediction,
                     const at::Tensor& reference, const at::Tensor& labels,
                     const MetricOptions& options) {
  const auto predicted = find_label_boxes(prediction, std::ssize(metrics) + 1);
  const auto expected = find_label_boxes(reference, std::ssize(metrics) + 1);
  const at::Tensor raw = labels.contiguous();
  for (size_t i = 0; i < metrics.size(); ++i) {
    LabelBox box = predicted[i + 1];
    box.include(expected[i + 1]);
    const at::Tensor probability =
        options.probabilities->select(0, static_cast<int64_t>(i) + 1).contiguous();
    const Calibration c = calibration_of(
        probability, raw, {static_cast<uint8_t>(i + 1), box, options.has_ignore_label});
    metrics[i].ece = c.ece;
    metrics[i].brier = c.brier;
  }
}

void check(const at::Tensor& prediction, const at::Tensor& reference, int64_t classes,
           const MetricOptions& options) {
  const int64_t axes = reference.dim();
  SEMISEG_CHECK(prediction.sizes() == reference.sizes() && (axes == 2 || axes == 3),
                "label maps [D,H,W] or [H,W] of one shape");
  SEMISEG_CHECK(prediction.scalar_type() == at::kByte && reference.scalar_type() == at::kByte &&
                    prediction.is_cpu() && reference.is_cpu(),
                "label maps are uint8 on the CPU");
  SEMISEG_CHECK(classes >= 2 && classes <= 256, "background and at least one class");
  SEMISEG_CHECK(options.connectivity >= 1 && options.connectivity <= axes,
                "connectivity is 1 … axes");
  SEMISEG_CHECK(options.spacing.empty() || static_cast<int64_t>(options.spacing.size()) == axes,
                "one spacing for each axis");
  SEMISEG_CHECK(
      options.class_tolerances.empty() || std::ssize(options.class_tolerances) >= classes - 1,
      "one tolerance for each class");
  if (!options.probabilities) return;
  SEMISEG_CHECK(options.probabilities->scalar_type() == at::kFloat &&
                    options.probabilities->is_cpu() && options.probabilities->dim() == axes + 1 &&
                    options.probabilities->size(0) == classes &&
                    options.probabilities->sizes().slice(1) == reference.sizes(),
                "float32 probabilities of every class of the map");
}

}  // namespace

double ClassMetrics::precision() const { return ratio(overlap_voxels, prediction_voxels); }
double ClassMetrics::recall() const { return ratio(overlap_voxels, reference_voxels); }
double ClassMetrics::specificity(int64_t map_voxels) const {
  const int64_t outside_both = map_voxels - prediction_voxels - reference_voxels + overlap_voxels;
  return ratio(outside_both, map_voxels - reference_voxels);
}

std::vector<ClassMetrics> compute_metrics(const at::Tensor& prediction, const at::Tensor& reference,
                                          int64_t classes, const MetricOptions& options) {
  check(prediction, reference, classes, options);
  SurfaceOptions surface_options{
      .elements = options.definition == MetricDefinition::kSurfaceDistance
                      ? BorderElements::kCorners
                      : BorderElements::kVoxels,
      .distances = options.distances,
      .spacing = options.spacing,
      .connectivity = options.connectivity};
  if (surface_options.spacing.empty()) {
    surface_options.spacing.assign(static_cast<size_t>(reference.dim()), 1.0);
  }
  const auto counted = [&](const at::Tensor& map) {
    if (!options.has_ignore_label) return map.contiguous();
    return map.masked_fill(reference == kIgnoreLabel, 0).contiguous();
  };
  const at::Tensor predicted = counted(prediction), expected = counted(reference);
  const auto surfaces = compare_surfaces(predicted, expected, classes, surface_options);
  std::vector<ClassMetrics> result(surfaces.size());
  if (options.components) set_components(result, predicted, expected);
  if (options.probabilities) set_calibration(result, predicted, expected, reference, options);
  at::parallel_for(0, static_cast<int64_t>(result.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      complete(result[i], surfaces[i], options,
               options.class_tolerances.empty() ? options.tolerance : options.class_tolerances[i]);
    }
  });
  return result;
}

}  // namespace semiseg
