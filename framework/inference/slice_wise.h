// SPDX-License-Identifier: Apache-2.0
// Inference of a 2-D network on a volume, slice by slice: each brought to the network's size,
// argmax, brought back, stacked.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/tensor_fwd.h"
#include "framework/data/transforms/zoom.h"
#include "framework/inference/image_predictor.h"

namespace semiseg {

enum class SliceResize {
  // Zoom of order 0 of the image in and of the labels out (SSL4MIS code/val_2D.py,
  // test_single_volume).
  kOrder0,
  // Bilinear, corners not aligned, of the image in and of the logits out, before the argmax
  // (UniMatch more-scenarios/medical/unimatch.py, validation).
  kBilinear,
};

struct SliceWiseOptions {
  std::array<int64_t, 2> patch_size = {256, 256};  // h, w of the network's input
  int64_t batch = 8;  // slices that the network sees at once; changes memory and speed only
  ZoomEdge edge = ZoomEdge::kClamp;  // kOrder0, both ways
  SliceResize resize = SliceResize::kOrder0;

  // Reads section [inference]. patch_size has two entries.
  static SliceWiseOptions read(const Config& section, const std::vector<int64_t>& patch_size);
};

// image [C,D,H,W] float, slices along D → label map [D,H,W] uint8 on the CPU, the class of the
// largest logit (the first of equal ones).
at::Tensor segment_slice_wise(const at::Tensor& image, const ImagePredictor& predict,
                              const SliceWiseOptions& options = {});

// Returns class probabilities [K,D,H,W] float32 on the CPU, likewise.
at::Tensor score_slice_wise(const at::Tensor& image, const ImagePredictor& predict,
                            const SliceWiseOptions& options = {});

}  // namespace semiseg
