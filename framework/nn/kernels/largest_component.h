// SPDX-License-Identifier: Apache-2.0
// Keeps the largest connected component of each class in pseudo-labels and predictions.
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

}  // namespace semiseg
