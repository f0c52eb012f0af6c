// SPDX-License-Identifier: Apache-2.0
// The ignore label: ground truth that says nothing about a voxel.
#pragma once

#include <cstdint>

namespace semiseg {

// In every label map in memory, whatever value the files have: the voxel has no class and counts in
// no loss and no metric. A data set that has such voxels says so (DatasetInfo::has_ignore_label)
// and has at most 255 classes; in others 255 is a class.
inline constexpr int64_t kIgnoreLabel = 255;

}  // namespace semiseg
