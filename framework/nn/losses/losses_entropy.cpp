// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses_entropy.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/nn/losses/losses.h"

namespace semiseg {

at::Tensor entropy_map(const at::Tensor& p) {
  return -(p * (p + 1e-6).log()).sum(1, /*keepdim=*/true);
}

at::Tensor entropy(const at::Tensor& p, const Communicator& comm) {
  const at::Tensor map = entropy_map(p);
  return global_mean(map.sum(), static_cast<double>(map.numel()), comm);
}

}  // namespace semiseg
