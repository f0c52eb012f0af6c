// SPDX-License-Identifier: Apache-2.0
// What a method receives in one step: this rank's share of the global batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/core/draws.h"

namespace semiseg {

// Axis legend: B samples of this rank, labelled ones first; b of them labelled; C channels; S
// spatial axes.
struct Batch {
  int64_t labelled = 0;  // b
  at::Tensor image;      // [B,C,S] float32 (float64 in a double run): the weak view
  at::Tensor
      image_strong;  // [B,C,S], same geometry as `image`; defined when the stage asked for it
  at::Tensor
      label;  // [b,S] int64, classes 0 … K-1. Ground truth of unlabelled samples is never here
  SampleIds samples;  // [B] slot of each sample in the global batch, 0 … global B - 1: the id for
                      // named draws
};

}  // namespace semiseg
