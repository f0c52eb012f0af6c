// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses_soft_dice.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <vector>

namespace semiseg {
namespace {

// [3,K] float64 over all ranks: Σpq, Σp^power, Σq^power of each class.
at::Tensor global_sums(const at::Tensor& p, const at::Tensor& q, int64_t power,
                       const Communicator& comm) {
  const auto of_classes = [](const at::Tensor& map) {
    return map.transpose(0, 1).flatten(1).sum(1, /*keepdim=*/false, at::kDouble);
  };
  const bool squared = power == 2;
  return comm.sum(at::stack(
      {of_classes(p * q), of_classes(squared ? p * p : p), of_classes(squared ? q * q : q)}));
}

at::Tensor dice(const at::Tensor& sums, double smooth, at::ScalarType dtype) {
  const at::Tensor ratio = (2 * sums[0] + smooth) / (sums[1] + sums[2] + smooth);
  return (1 - ratio.mean()).to(dtype);
}

}  // namespace

at::Tensor softmax_dice(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) {
  return dice(global_sums(p, q, /*power=*/1, comm), 1e-5, p.scalar_type());
}

at::Tensor dice_soft_target(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) {
  return dice(global_sums(p, q, /*power=*/2, comm), 1e-10, p.scalar_type());
}

at::Tensor dice_lin_both(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) {
  return dice(global_sums(p, q, /*power=*/1, comm).sum(1), 1e-8, p.scalar_type());
}

}  // namespace semiseg
