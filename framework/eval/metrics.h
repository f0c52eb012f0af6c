// SPDX-License-Identifier: Apache-2.0
// Overlap and surface distances of a prediction against a reference, class by class, as medpy 0.5.2
// defines them (medpy/metric/binary.py; its asd is directed, prediction to reference).
#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/tensor_fwd.h"

namespace semiseg {

// What a class gets where prediction or reference (or both) is empty.
enum class EmptyPolicy {
  kExclude,    // overlap: 1 when both are empty, else 0. Distances: NaN, left out of means and
               // counted
  kReference,  // zeros throughout, as SSL4MIS's 3-D validation returns them: flatters distances
};
const char* to_string(EmptyPolicy policy);  // "exclude", "reference": on disk, do not rename

struct MetricOptions {
  EmptyPolicy empty = EmptyPolicy::kExclude;
  bool distances = true;        // false: overlap only, distances are NaN (validation in training)
  std::vector<double> spacing;  // size of a voxel along each axis; empty: distances in voxels
  // Neighbours that make a voxel inner: those that differ along at most so many axes, 1 … axes.
  // Outside the array counts as background.
  int connectivity = 1;
};

struct ClassMetrics {
  int64_t prediction_voxels = 0, reference_voxels = 0, overlap_voxels = 0;
  double dice = 0, jaccard = 0;  // [0, 1]
  double hd = 0, hd95 = 0;       // hd95: 95th percentile (linear) of both directed sets together
  double asd = 0;   // mean distance of the prediction's border voxels to the reference's border
  double assd = 0;  // mean of both directed sets together, not of their means

  bool both_empty() const { return prediction_voxels == 0 && reference_voxels == 0; }
  bool missed() const { return prediction_voxels == 0 && reference_voxels > 0; }
  bool false_positive() const { return prediction_voxels > 0 && reference_voxels == 0; }
};

// Label maps [D,H,W] or [H,W], uint8, CPU, of one shape. One entry for each label 1 … classes - 1.
// Multi-threaded; the same bits for any number of threads. kRank when shapes, dtypes or options do
// not fit together.
std::vector<ClassMetrics> compute_metrics(const at::Tensor& prediction, const at::Tensor& reference,
                                          int64_t classes, const MetricOptions& options = {});

}  // namespace semiseg
