// SPDX-License-Identifier: Apache-2.0
// Inference of a 2-D network on a volume, slice by slice: zoom of order 0 to the network's size,
// argmax, zoom back, stack (SSL4MIS code/val_2D.py, test_single_volume).
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "framework/core/tensor_fwd.h"
#include "framework/data/zoom.h"

namespace semiseg {

// image [N,C,h,w] float32 on the CPU → logits [N,K,h,w] on any device, evaluation mode.
using SlicePredictor = std::function<at::Tensor(const at::Tensor& image)>;

struct SliceWiseOptions {
  std::array<int64_t, 2> patch_size = {256, 256};  // h, w of the network's input
  int64_t batch = 8;  // slices that the network sees at once; changes memory and speed only
  ZoomEdge edge = ZoomEdge::kClamp;  // both ways
};

// image [C,D,H,W] float → label map [D,H,W] uint8 on the CPU, the class of the largest logit (the
// first of equal ones).
at::Tensor segment_slice_wise(const at::Tensor& image, const SlicePredictor& predict,
                              const SliceWiseOptions& options = {});

}  // namespace semiseg
