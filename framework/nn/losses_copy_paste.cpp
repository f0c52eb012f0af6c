// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses_copy_paste.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/nn/losses.h"

namespace semiseg {

MixLoss bcp_mix_2d(const at::Tensor& logits, const at::Tensor& image_label,
                   const at::Tensor& patch_label, const at::Tensor& mask, double weight_image,
                   double weight_patch, const Communicator& comm) {
  const at::Tensor p = logits.softmax(1), inside = 1 - mask;
  return {weight_image * dice_masked_2d(p, image_label, mask, comm) +
              weight_patch * dice_masked_2d(p, patch_label, inside, comm),
          weight_image * cross_entropy(logits, image_label, mask, comm) +
              weight_patch * cross_entropy(logits, patch_label, inside, comm)};
}

}  // namespace semiseg
