// SPDX-License-Identifier: Apache-2.0
// Predicts the label map of a volume with a network, as section [inference] says.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/tensor_fwd.h"
#include "framework/inference/image_predictor.h"
#include "framework/inference/slice_wise.h"
#include "framework/inference/sliding_window.h"

namespace semiseg {

struct InferenceOptions {
  enum class Mode { kSliceWise, kSlidingWindow };
  Mode mode = Mode::kSliceWise;
  SliceWiseOptions slice_wise;
  SlidingWindowOptions sliding_window;
  int64_t axial_axis = 0;            // axis of the slices, 0 to 2; used when the patch has two axes
  std::vector<int64_t> mirror_axes;  // axes of the patch; see mirrored()

  // Reads only the keys of the chosen mode, so that a key of another mode is reported as unread.
  // patch_size: the protocol's, two or three entries; axial_axis and classes (with background): the
  // data set's.
  static InferenceOptions read(const Config& section, const std::vector<int64_t>& patch_size,
                               int64_t axial_axis, int64_t classes);
};

// image [C,D,H,W] float on the CPU → label map [D,H,W] uint8 on the CPU.
at::Tensor segment(const at::Tensor& image, const ImagePredictor& predict,
                   const InferenceOptions& options);

// The same, before it is decided: class probabilities [K,D,H,W] float32 on the CPU; one logit
// counts as the foreground's of two classes.
at::Tensor class_probabilities(const at::Tensor& image, const ImagePredictor& predict,
                               const InferenceOptions& options);

}  // namespace semiseg
