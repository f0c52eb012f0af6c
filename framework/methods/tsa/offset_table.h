// SPDX-License-Identifier: Apache-2.0
// Computes the offsets that TSA adds to the logits, from class statistics and a classifier. The
// expected cross entropy over features shifted by δ ~ N(λ d_y, λ Σ_y) is at most CE(z + U[y,:], y)
// with
//   U[y,j] = λ Δ_yj·d_y + ½ λ Δ_yjᵀ Σ_y Δ_yj
//   Δ_yj = w_j - w_y,  d_y = μ_to,y - μ_from,y,  Σ_y = Σ_to,y
// (Li et al., CVPR 2021, BIT-DA/TSA Loss.py; ISDA is d = 0). Nothing in it belongs to a pixel but
// its class, so a table of C × C numbers is exact.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/methods/tsa/class_memory.h"

namespace semiseg {

enum class Augmentation {
  kBoth,
  kMeanOnly,        // Σ = 0
  kCovarianceOnly,  // d = 0
  kOff,             // U = 0
};

struct OffsetOptions {
  Augmentation augmentation = Augmentation::kBoth;
  int64_t min_count = -1;  // pixels a class needs in both memories, or its row is 0; -1: 10 A
  bool table_gradient =
      true;  // U passes gradient to the classifier; else it is a margin of constants
};

// Returns the pixels that a class of A features needs.
int64_t least_count(const OffsetOptions& options, int64_t features);

struct OffsetTable {
  at::Tensor table;    // float64 [C,C], diagonal 0
  at::Tensor active;   // bool [C], classes with enough pixels
  at::Tensor clamped;  // int64 [], quadratic forms below 0, taken as 0; other than 0 it tells of a
                       // broken Σ
};

// weight [C,A,k…] of the classifier. A kernel with several taps counts as the sum of its taps: δ is
// then taken as constant in the neighbourhood, which is exact inside a region and approximate one
// pixel from its border. Differentiable in the weight, never in the statistics.
OffsetTable offset_table(const at::Tensor& weight, const ClassStatistics& from,
                         const ClassStatistics& to, double lambda, const OffsetOptions& options);

struct LambdaSchedule {
  double strength = 0.25;  // λ0. References: TSA 0.25, ISDA 0.5 (CIFAR), 7.5 (Cityscapes)
  bool ramp = true;        // λ0 t / length; else λ0 from the start
  int64_t length = 1;      // planned steps of self-training
};

// Returns λ of step t = 0 … length - 1 of self-training.
double lambda_at(const LambdaSchedule& schedule, int64_t t);

}  // namespace semiseg
