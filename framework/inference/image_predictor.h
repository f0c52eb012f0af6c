// SPDX-License-Identifier: Apache-2.0
// The function that inference calls, and functions made of others: mirrored, and the mean of
// several.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "framework/core/tensor_fwd.h"

namespace semiseg {

// image [N,C,S] float32 on the CPU, S = h,w or d,h,w → logits [N,K,S] on any device, evaluation
// mode.
using ImagePredictor = std::function<at::Tensor(const at::Tensor& image)>;

// Test-time augmentation: returns the mean of the logits of the image and of its mirror images
// along every set of these axes (of S, from 0), each mirrored back: 2^axes passes (nnU-Net v2,
// predict_from_raw_data.py, _internal_maybe_mirror_and_predict).
ImagePredictor mirrored(ImagePredictor predict, std::vector<int64_t> axes);

// Ensemble, at least one member: logits whose softmax is the mean of the members' softmax
// probabilities; with one logit (K = 1) the same of the sigmoid. All members give one K.
ImagePredictor mean_of(std::vector<ImagePredictor> members);

}  // namespace semiseg
