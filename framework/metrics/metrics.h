// SPDX-License-Identifier: Apache-2.0
// Overlap and surface distances of a prediction against a reference, class by class, as medpy 0.5.2
// (medpy/metric/binary.py; its asd is directed, prediction to reference), MONAI 1.6.1
// (monai/metrics) or google-deepmind/surface-distance 0.1 define them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "framework/core/tensor_fwd.h"

namespace semiseg {

enum class MetricDefinition {
  kMedpy,            // hd95: 95th percentile (linear) of both directed sets together
  kMonai,            // hd95: the larger of the two directed percentiles
  kSurfaceDistance,  // corners between voxels, weighted by area; hd95: the larger of two weighted
                     // percentiles
};
// "medpy", "monai", "surface-distance": on disk, do not rename
const char* to_string(MetricDefinition definition);
std::vector<std::string> metric_definitions();  // all of them
// Throws kConfig when it is none of these.
MetricDefinition metric_definition(const std::string& name);

// The values of a class whose prediction or reference (or both) is empty.
enum class EmptyPolicy {
  kIgnore,      // both empty: NaN throughout, left out of all means and counted (nnU-Net, MONAI);
                // one of them: overlaps 0, distances NaN
  kExclude,     // overlaps (Dice, Jaccard, surface Dice): 1 when both are empty, else 0. Distances:
                // NaN, left out of means and counted
  kReference,   // zeros throughout, as SSL4MIS's 3-D validation returns them: flatters distances
  kDefinition,  // the value of the package of the definition, NaN where it raises
  kGenericSsl,  // one of them: overlaps 0, distances 128. Both: overlaps 0.01 (the reference means
                // 1, on a scale of 0 to 100), distances 0 (GenericSSL, DHC)
};
// "ignore", "exclude", "reference", "definition", "generic_ssl": on disk, do not rename
const char* to_string(EmptyPolicy policy);
// Throws kConfig when it is none of these.
EmptyPolicy empty_policy(const std::string& name);

struct MetricOptions {
  EmptyPolicy empty = EmptyPolicy::kExclude;
  bool distances = true;        // false: overlap only, distances are NaN (validation in training)
  std::vector<double> spacing;  // size of a voxel along each axis; empty: distances in voxels
  // Neighbours that make a voxel inner: those that differ along at most this many axes, 1 … axes.
  // Outside the array counts as background. Not used by surface-distance.
  int connectivity = 1;
  MetricDefinition definition = MetricDefinition::kMedpy;
  double tolerance = 1;                  // tolerance of the surface Dice, in units of the spacing
  std::vector<double> class_tolerances;  // those of labels 1, 2, …; empty: `tolerance` for all
  // Voxels of the reference labelled kIgnoreLabel (core/ignore_label.h) are background in both
  // maps: they count in no overlap, and surfaces end where they begin. nnU-Net counts likewise.
  bool has_ignore_label = false;
  bool components = false;  // measure components (components.h); false: their fields are NaN
  // Class probabilities [K,D,H,W] or [K,H,W], float32, CPU, for the fields of calibration
  // (calibration.h); nullptr: these are NaN.
  const at::Tensor* probabilities = nullptr;
};

// NaN, or a statistic of no value.
template <class Value>
constexpr Value no_value() {
  if constexpr (std::is_same_v<Value, double>) return std::numeric_limits<double>::quiet_NaN();
  return Value{};
}

// One value for each field of metric_schema(): that of a class, or a statistic of many.
template <class Value>
struct MetricValues {
  Value dice{}, jaccard{};  // [0, 1]
  Value hd{}, hd95{};       // the largest distance; its robust form as the definition has it
  Value asd{};              // mean distance of the prediction's border to the reference's border
  Value assd{};             // mean of both directed sets together, not of their means
  // Surface Dice (normalised surface Dice, NSD), [0, 1]: the part of both borders that is within
  // the tolerance of the other one. medpy has none; it gets MONAI's, which counts border voxels.
  Value surface_dice{};
  Value volume_error{};  // (prediction - reference) / reference, medpy's ravd; NaN when the
                         // reference is empty
  // The following are measured only when asked for; see MetricOptions.
  Value component_f1 = no_value<Value>();  // [0, 1]
  Value components_found = no_value<Value>(),
        components_missed = no_value<Value>();               // of reference
  Value components_false = no_value<Value>();                // of the prediction
  Value ece = no_value<Value>(), brier = no_value<Value>();  // [0, 1]
};

struct ClassMetrics : MetricValues<double> {
  int64_t prediction_voxels = 0, reference_voxels = 0, overlap_voxels = 0;

  bool both_empty() const { return prediction_voxels == 0 && reference_voxels == 0; }
  bool missed() const { return prediction_voxels == 0 && reference_voxels > 0; }
  bool false_positive() const { return prediction_voxels > 0 && reference_voxels == 0; }
  double precision() const;                      // NaN when the prediction is empty
  double recall() const;                         // NaN when the reference is empty
  double specificity(int64_t map_voxels) const;  // for a map of `map_voxels` voxels
};

// Takes label maps [D,H,W] or [H,W], uint8, CPU, of one shape. Returns one entry for each label 1 …
// classes - 1. Multi-threaded; the same bits for any number of threads. Throws kInternal when
// shapes, dtypes or options do not fit together.
std::vector<ClassMetrics> compute_metrics(const at::Tensor& prediction, const at::Tensor& reference,
                                          int64_t classes, const MetricOptions& options = {});

}  // namespace semiseg
