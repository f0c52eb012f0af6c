// SPDX-License-Identifier: Apache-2.0
// Labels brought onto another grid for a comparison: grids may be turned and mirrored against each
// other, as files of other tools are.
#pragma once

#include "framework/scans/image_file.h"

namespace semiseg {

// The labels as voxels of `grid` see them: each takes the voxel whose centre is nearest in the
// patient, 0 outside of the map by more than half a voxel.
LabelMap on_grid(const LabelMap& map, const ScanGeometry& grid);

}  // namespace semiseg
