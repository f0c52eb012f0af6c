// SPDX-License-Identifier: Apache-2.0
// Labels brought onto another grid for a comparison: grids may be turned and mirrored against each
// other, as files of other tools are.
#pragma once

#include "framework/scans/image_file.h"

namespace semiseg {

// Resamples the labels onto `grid`: each voxel takes the label of the voxel whose centre is nearest
// in the patient, and 0 more than half a voxel outside of the map.
LabelMap on_grid(const LabelMap& map, const ScanGeometry& grid);

}  // namespace semiseg
