// SPDX-License-Identifier: Apache-2.0
// A loss on the logits of every scale, as nnU-Net v2 trains (MIC-DKFZ/nnUNet DeepSupervisionWrapper and
// DownsampleSegForDSTransform). N samples, K classes, S spatial axes.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

// Weights of the deployed logits and of `heads` auxiliary ones, the finest first: 1, ½, ¼, …, the
// coarsest 0 where there is more than one auxiliary head; their sum is 1.
std::vector<double> deep_supervision_weights(size_t heads);

// Label [N,S] at the size S' of a head: the label of the voxel in which the centre of the head's voxel
// lies, index floor((i + ½) in / out). The label itself where the size is the same.
at::Tensor label_at(const at::Tensor& label, at::IntArrayRef size);

// Σ w_i loss(logits of head i, label at its size); heads of weight 0 are left out. Collective as the
// loss.
at::Tensor deeply_supervised(
    const at::Tensor& logits, const std::vector<NamedTensor>& heads, const at::Tensor& label,
    const std::function<at::Tensor(const at::Tensor& logits, const at::Tensor& label)>& loss);

}  // namespace semiseg
