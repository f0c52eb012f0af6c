// SPDX-License-Identifier: Apache-2.0
// Correlation alignment: the distance of the feature covariances of two groups of pixels (Sun &
// Saenko, Deep CORAL, ECCV 2016 workshops, eq. 1 to 3).
//   L = ‖C_l − C_u‖²_F / (4 A²),  C = Σ_i (f_i − μ)(f_i − μ)ᵀ / (n − 1)
// A features, n pixels of the group in the global batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/methods/parts/networks/teacher_student.h"

namespace semiseg {

// Collective; two messages, 2 K (1 + A) and 2 K A² numbers, whatever the number of parts. Features
// [N,A,S] and labels [N,S] of the parts; pixels of kIgnoreLabel do not count. classes = 0: L of all
// pixels, K = 1. classes = C: mean of L over the K = C classes that both groups have at least two
// pixels of. 0 with zero gradients where there is no such group. A scalar of the features' dtype,
// at least float32, equal on all ranks. The gradient reaches the features of both groups; that
// through μ is 0, so μ is taken as a constant.
at::Tensor coral_loss(const std::vector<ClassPixels>& labelled,
                      const std::vector<ClassPixels>& unlabelled, int64_t classes,
                      const Communicator& comm);

}  // namespace semiseg
