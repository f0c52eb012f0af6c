// SPDX-License-Identifier: Apache-2.0
// Batch normalisation in training mode with the activation and the dropout after it, over a batch
// that is distributed over ranks. Results and gradients do not depend on the number of ranks, but
// for rounding, and on the CPU not at all on the number of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "framework/comm/communicator.h"

namespace semiseg {

struct BatchNormTensors {
  const at::Tensor& weight;  // [C]
  const at::Tensor& bias;    // [C]
  at::Tensor running_mean;   // [C], updated
  at::Tensor running_var;    // [C], updated, unbiased
  double epsilon, momentum;
  const std::string& path;  // for messages
};

// The activation and dropout that follow a norm.
struct AfterNorm {
  double slope = 1;       // slope for negative values: 0 is ReLU, 1 none
  at::Tensor keep;        // uint8, of x's shape, 0 where dropout drops; undefined: no dropout
  double keep_scale = 1;  // scale of kept values
};

// Collective, forward and backward, which run in the same order on all ranks. x: this rank's share
// [N,C,S], N may differ and may be 0. Throws kConfig when a channel has one value only: its
// variance is unknown. Forward: one message (count, mean and sum of centred squares of each rank;
// Chan, Golub & LeVeque 1979 combine them stably). Backward: one message. Gradients of weight and
// bias cover this rank's share, because gradients are summed over ranks later. `comm` must outlive
// the backward. On the CPU x is read twice in each direction, and nothing but x and keep is kept
// for the backward.
at::Tensor batch_norm(const at::Tensor& x, const BatchNormTensors& norm, const AfterNorm& after,
                      const Communicator& comm);

}  // namespace semiseg
