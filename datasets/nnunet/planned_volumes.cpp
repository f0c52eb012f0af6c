// SPDX-License-Identifier: Apache-2.0
#include "datasets/nnunet/planned_volumes.h"

#include <algorithm>

#include "framework/scans/resample.h"

namespace semiseg {

PlannedVolumes::PlannedVolumes(const NnunetPlans& plans)
    : intensity_(plans.intensity), spacing_mm_({0, 0, 0}) {
  std::copy(plans.spacing.rbegin(), plans.spacing.rend(), spacing_mm_->rbegin());
}

ScanGeometry PlannedVolumes::grid(const ScanGeometry& of_file) const {
  return has_plan() ? with_spacing(of_file, *spacing_mm_) : of_file;
}

Volume PlannedVolumes::apply(Volume volume, const ScanGeometry& of_file) const {
  if (!has_plan()) return volume;
  const ScanGeometry to = grid(of_file);
  volume.image = resample(normalise(volume.image, intensity_), of_file, to, Interpolation::kLinear);
  if (volume.label.defined())
    volume.label = resample(volume.label, of_file, to, Interpolation::kNearest);
  volume.spacing_mm = to.spacing_mm;
  return volume;
}

}  // namespace semiseg
