// SPDX-License-Identifier: Apache-2.0
// Volumes as a plans.json of nnU-Net asks for them: normalised, then resampled to its spacing, images
// linearly and labels to the nearest voxel.
#pragma once

#include <array>
#include <optional>

#include "datasets/nnunet/nnunet_plans.h"
#include "framework/data/dataset.h"
#include "framework/scans/image_file.h"

namespace semiseg {

class PlannedVolumes {
 public:
  PlannedVolumes() = default;  // without a plan volumes stay as they are
  // A plan of two axes leaves the spacing between slices.
  explicit PlannedVolumes(const NnunetPlans& plans);

  bool has_plan() const { return spacing_mm_.has_value(); }
  const IntensityOptions& intensity() const { return intensity_; }
  const std::optional<std::array<double, 3>>& spacing_mm() const { return spacing_mm_; }
  // The grid of the volume of a file with this one.
  ScanGeometry grid(const ScanGeometry& of_file) const;
  Volume apply(Volume volume, const ScanGeometry& of_file) const;

 private:
  IntensityOptions intensity_;
  std::optional<std::array<double, 3>> spacing_mm_;  // D, H, W
};

}  // namespace semiseg
