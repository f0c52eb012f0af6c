// SPDX-License-Identifier: Apache-2.0
// The code that the CPU and GPU forms of the batch norm share.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "framework/nn/kernels/batch_norm.h"

namespace semiseg {

struct Moments {
  double count;              // values of a channel, all ranks
  at::Tensor mean, squares;  // [C] float64; squares: Σ (x - mean)²
};

// Collective. `local`: [2,C] float64, mean and Σ (x - mean)² of this rank's `count` values.
Moments global_moments(const at::Tensor& local, int64_t count, const Communicator& comm);

// Throws kConfig naming the layer when there are not two values.
void check_count(double count, const std::string& path);

void move_running_statistics(const Moments& moments, const BatchNormTensors& norm);

// Computes batch_norm with ATen's functions, on GPUs.
at::Tensor batch_norm_aten(const at::Tensor& x, const BatchNormTensors& norm,
                           const AfterNorm& after, const Communicator& comm);

}  // namespace semiseg
