// SPDX-License-Identifier: Apache-2.0
// Batch normalisation in training mode: of one rank (ATen's), and of a batch that ranks share out.
// Both give the same numbers to rounding, gradients included.
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

// x [N,C,S]. kConfig when a channel has one value only: its variance is unknown.
at::Tensor local_batch_norm(const at::Tensor& x, const BatchNormTensors& norm);

// Collective, forward and backward, which run in the same order on all ranks. x: this rank's share
// [N,C,S], N may differ and may be 0. Forward: one message (count, mean and sum of centred squares
// of each rank; Chan, Golub & LeVeque 1979 combine them stably). Backward: one message. Gradients
// of weight and bias are of this rank's share, because gradients are summed over ranks later.
// `comm` must outlive the backward.
at::Tensor sync_batch_norm(const at::Tensor& x, const BatchNormTensors& norm,
                           const Communicator& comm);

}  // namespace semiseg
