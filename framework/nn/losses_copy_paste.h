// SPDX-License-Identifier: Apache-2.0
// The loss of an image that was mixed from two. DeepMed-Lab-ECNU/BCP, ACDC_BCP_train.py, mix_loss.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/comm/communicator.h"

namespace semiseg {

struct MixLoss {
  at::Tensor dice, cross_entropy;  // scalars; the reference's loss is their mean
};

// logits [N,K,S] of image · M + patch · (1 - M); the labels [N,S] of both; mask M [N,S], 1 outside
// the box. Each part: weight_image · loss(z, image_label, M) + weight_patch · loss(z, patch_label,
// 1 - M). Collective.
MixLoss bcp_mix_2d(const at::Tensor& logits, const at::Tensor& image_label,
                   const at::Tensor& patch_label, const at::Tensor& mask, double weight_image,
                   double weight_patch, const Communicator& comm);

}  // namespace semiseg
