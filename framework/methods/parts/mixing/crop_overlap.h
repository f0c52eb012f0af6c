// SPDX-License-Identifier: Apache-2.0
// The part that two crops of one sample both show.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/data/batch.h"

namespace semiseg {

// Begin in the first crop, begin in the second, and length, for each axis.
struct CropOverlap {
  std::vector<int64_t> first, second, length;

  bool is_empty() const;
  // [N,C,S] → the overlap's part of it.
  at::Tensor in_first(const at::Tensor& map) const;
  at::Tensor in_second(const at::Tensor& map) const;
};

// Returns the overlaps of the weak view and the view "second_crop" of all samples, in the order of
// the batch, for patches of this size. Crops with other turns or flips do not overlap; without
// placements both views show the same.
std::vector<CropOverlap> overlaps_of(const Batch& batch, at::IntArrayRef size);

}  // namespace semiseg
