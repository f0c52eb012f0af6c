// SPDX-License-Identifier: Apache-2.0
// Perturbations of feature maps [N,C,S] in training: Ouali et al., CVPR 2020 (CCT), as
// HiLab-git/SSL4MIS networks/unet.py has them, and the option that switches them. `draw` names the random numbers of the step.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "framework/config/config.h"
#include "framework/nn/backbone.h"

namespace semiseg {

// Reads the key perturbations: "on" or "off".
inline bool read_perturbations(const Config& section) {
  std::string value = "on";
  section.read("perturbations", value, {"on", "off"},
               "Perturbs the features of the auxiliary heads in training, which their consistency "
               "is made for. Switch it off to train the heads on plain features.");
  return value == "on";
}

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
