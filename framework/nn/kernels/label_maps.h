// SPDX-License-Identifier: Apache-2.0
// Kernels on label maps: the largest connected component of each class in pseudo-labels and
// predictions, and the map that shape-aware methods regress, the signed distance of each pixel from
// the border of the foreground.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace semiseg {

// label [N,H,W] or [N,D,H,W], int64 or uint8, classes ≥ 0; the result has its dtype and device. For
// each sample and each class but 0 the largest connected component stays, the rest becomes 0; of
// equal ones the first in raster order stays. Pixels are connected along up to `connectivity` axes
// at once: 1 faces, 2 edges, 3 corners; 0: corners of any rank (8 neighbours in 2-D, 26 in 3-D).
// DeepMed-Lab-ECNU/BCP get_ACDC_2DLargestCC, getLargestCC.
at::Tensor largest_component(const at::Tensor& label, int64_t connectivity = 0);

// The same labels and connectivity → int64 of that shape on the CPU: for each pixel the raster index
// within its sample of the first pixel of its component, -1 where the label is 0.
at::Tensor component_roots(const at::Tensor& label, int64_t connectivity = 0);

// HiLab-git/DTC utils/util.py and kleinzcy/SASSNet, compute_sdf.
// label [N,H,W] or [N,D,H,W], any dtype, foreground where it is not 0 → float64 of that shape, on
// the CPU. With exact Euclidean distances in pixels, o to the foreground and i to the background,
// each brought to [0, 1] by its least and largest value in the sample: o - i, so -1 … 1 and
// negative inside; 0 on foreground pixels with a face at a background pixel. A sample of one class
// alone is 0 throughout.
at::Tensor signed_distance(const at::Tensor& label);

}  // namespace semiseg
