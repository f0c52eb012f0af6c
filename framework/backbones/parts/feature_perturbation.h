// SPDX-License-Identifier: Apache-2.0
// Perturbations of feature maps [N,C,S] in training: Ouali et al., CVPR 2020 (CCT), as
// HiLab-git/SSL4MIS networks/unet.py has them. `draw` names the random numbers of the step.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "framework/nn/backbone.h"

namespace semiseg {

// x (1 + η), η uniform in [-range, range) for each channel and pixel, shared by all samples.
at::Tensor feature_noise(const at::Tensor& x, double range, const std::string& draw,
                         const Pass& pass);

// Keeps elements whose draw is at least p, and divides by 1 - p.
at::Tensor element_dropout(const at::Tensor& x, double p, const std::string& draw,
                           const Pass& pass);

// Keeps the pixels of a sample whose mean over channels is below u times its maximum in the sample;
// u uniform in [0.7, 0.9), one for the batch.
at::Tensor attention_dropout(const at::Tensor& x, const std::string& draw, const Pass& pass);

}  // namespace semiseg
