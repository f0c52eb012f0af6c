// SPDX-License-Identifier: Apache-2.0
// The feature perturbation of UniMatch (Yang et al., CVPR 2023): a network decodes its encoder
// features once more with whole channels dropped, in one batch with the plain ones, so that the
// batch norms of the decoder see all of them together.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

// Returns each level [N,C,S] with its perturbed copies behind it along the axis of samples; levels
// stand finest first. A copy has the samples from FeatureDropout::first on. Draws each copy under
// its name and level, one number for each sample and channel.
// Without feature dropouts, the levels themselves.
std::vector<at::Tensor> with_dropped_features(const std::vector<at::Tensor>& levels,
                                              const Pass& pass);

// Returns the pass with ids for the copies, so that the decoder's own dropout differs among them.
Pass pass_of_copies(const Pass& pass);

// Splits the logits and features of such a batch: the plain part, and a head for each copy.
NetworkOutput split_copies(const at::Tensor& logits, const at::Tensor& features, const Pass& pass);

}  // namespace semiseg
