// SPDX-License-Identifier: Apache-2.0
// Prepares the FLAIR volumes of BraTS as HiLab-git/SSL4MIS does (brats_proprecessing.py).
#pragma once

#include <ATen/core/Tensor.h>

namespace semiseg {

// volume [D,H,W] of grey values, cut to integers → float32, smaller. In this order: the box of the
// voxels that are not 0, without its last plane along each axis (the reference's slip); clipped at
// the first grey value up to which 0.999 of the voxels lie; (x - mean) / standard deviation, both
// of the voxels above 0 and applied to all. Throws kData when no voxel is left.
at::Tensor prepare_brats(const at::Tensor& volume);

}  // namespace semiseg
