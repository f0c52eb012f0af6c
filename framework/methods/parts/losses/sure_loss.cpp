// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/losses/sure_loss.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/nn/losses/losses.h"

namespace semiseg {

at::Tensor share_of_pixels(const at::Tensor& counts, const Communicator& comm) {
  return global_mean(counts.sum().to(at::kDouble), static_cast<double>(counts.numel()), comm);
}

at::Tensor sure_loss(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& counts,
                     const Communicator& comm) {
  // The mean over pixels that count, times their share, is the sum over all pixels.
  const at::Tensor ce = cross_entropy(logits, label, counts, comm) *
                        share_of_pixels(counts, comm).to(logits.scalar_type());
  return 0.5 * (ce + dice_sq_confident(logits.softmax(1), label, counts, comm));
}

}  // namespace semiseg
