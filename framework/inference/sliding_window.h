// SPDX-License-Identifier: Apache-2.0
// Inference on a volume by overlapping windows, two or three axes, as the references' and nnU-Net's
// test programs do it.
//
//   stride      activation  decision    weighting  of whom
//   18, 18, 4   softmax     argmax      uniform    UA-MT, SSL4MIS, BCP (Pancreas), CauSSL, MagicNet
//   18, 18, 4   softmax     foreground  uniform    MC-Net, SS-Net, BCP (LA)
//   18, 18, 4   sigmoid     foreground  uniform    DTC, SASSNet (one logit)
//   18, 18, 4   sigmoid     argmax      uniform    TAC (two logits)
//   4, 16, 16   softmax     argmax      uniform    GenericSSL, DHC; padding = margin
//   step 0.5    none        argmax      gaussian   nnU-Net v2; mirrored() around the network
//
// (strides as on LA; other data sets have others). Largest-component filters are no part of this.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/tensor_fwd.h"
#include "framework/inference/image_predictor.h"
#include "framework/inference/window_sum.h"

namespace semiseg {

// The activation that is applied to the logits before they are averaged over windows.
enum class WindowActivation { kSoftmax, kSigmoid, kNone };
enum class WindowWeighting { kUniform, kGaussian };
enum class WindowDecision {
  kArgmax,      // the class of the largest mean score, the first of equal ones
  kForeground,  // one or two classes: 1 where the mean score of the last is above 0.5
};

struct SlidingWindowOptions {
  // Voxels, in the order of the volume's axes. Two entries: windows h,w within each slice along the
  // first axis.
  std::vector<int64_t> patch_size;
  // Voxels from window to window for each axis of the patch, the last one moved back to the end;
  // empty: `step` decides.
  std::vector<int64_t> stride;
  double step = 0.5;  // (0, 1] share of the patch from window to window at most, evenly spaced
  WindowActivation activation = WindowActivation::kSoftmax;
  WindowDecision decision = WindowDecision::kArgmax;
  WindowWeighting weighting = WindowWeighting::kUniform;
  WindowPadding padding = WindowPadding::kCentred;
  int64_t batch = 1;  // windows that the network sees at once

  // Reads section [inference]. classes is the number of the data set, with background.
  static SlidingWindowOptions read(const Config& section, std::vector<int64_t> patch_size,
                                   int64_t classes);
};

// image [C,D,H,W] float on the CPU. Every window is predicted once, in raster order of the starts,
// and added in that order. The additions are the same for any `batch`; a network's convolutions are
// not: with oneDNN's, scores differed by up to 9e-8 between batches of 1 and of 2 to 8, and 2
// labels of 199,680. So the batch is a setting, and the same one gives the same bits. Where the
// volume is smaller than the window it is padded with zeros, which the log says once in a process.
//
// Memory beside the image: WindowSum's R min(d, D) H W elements, R = classes (1 for kForeground),
// and one batch of windows with its scores. The maps of all D planes never exist. Throws kConfig
// when the decision does not fit the network's number of logits.
void score_sliding_window(const at::Tensor& image, const ImagePredictor& predict,
                          const SlidingWindowOptions& options, const PlaneSink& sink);

// Returns the same, all at once: mean scores [R,D,H,W].
at::Tensor score_sliding_window(const at::Tensor& image, const ImagePredictor& predict,
                                const SlidingWindowOptions& options);

// Returns the label map [D,H,W] uint8 on the CPU, decided from these scores; at most 256 classes.
at::Tensor segment_sliding_window(const at::Tensor& image, const ImagePredictor& predict,
                                  const SlidingWindowOptions& options);

}  // namespace semiseg
