// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses_compound.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <vector>

#include "framework/nn/losses/class_sums.h"
#include "framework/nn/losses/losses.h"

namespace semiseg {
namespace {

// Sums [3,K] or [N,3,K] without those of the background.
at::Tensor of_foreground(const at::Tensor& sums) { return sums.slice(-1, 1); }

}  // namespace

at::Tensor dc_and_ce(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& weight,
                     const Communicator& comm) {
  const at::Tensor w =
      weight.defined() ? weight.to(logits.options()) : at::ones({logits.size(1)}, logits.options());
  const at::Tensor ce = cross_entropy(logits, label, w.take(label.to(at::kLong)), comm);
  const at::Tensor p = logits.softmax(1);
  const at::Tensor sums = of_foreground(comm.sum(class_sums(p, label, /*mask=*/{}, /*power=*/1)));
  const at::Tensor ratio = (2 * sums[0] + 1) / (sums[1] + sums[2] + 1 + 1e-8);
  return ce - (w.slice(0, 1) * ratio).mean().to(ce.scalar_type());
}

at::Tensor nnunet_dc_ce(const at::Tensor& logits, const at::Tensor& label, bool batch_dice,
                        const Communicator& comm) {
  constexpr double kSmooth = 1e-5;
  const at::Tensor ce = cross_entropy(logits, label, comm), p = logits.softmax(1);
  const auto ratio = [](const std::vector<at::Tensor>& sums) {
    return (2 * sums[0] + kSmooth) / (sums[1] + sums[2] + kSmooth).clamp_min(1e-8);
  };
  if (batch_dice) {
    const at::Tensor sums = comm.sum(class_sums(p, label, /*mask=*/{}, /*power=*/1));
    return ce - ratio(of_foreground(sums).unbind()).mean().to(ce.scalar_type());
  }
  const at::Tensor sums = of_foreground(class_sums_of_samples(p, label, /*mask=*/{}, 1));
  const double count = static_cast<double>(p.size(0) * (p.size(1) - 1));
  return ce - global_mean(ratio(sums.unbind(1)).sum(), count, comm).to(ce.scalar_type());
}

}  // namespace semiseg
