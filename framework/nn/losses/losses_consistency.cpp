// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses_consistency.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <vector>

#include "framework/nn/losses/losses.h"

namespace semiseg {
namespace {

// Over every element of all ranks.
at::Tensor mean_of(const at::Tensor& map, const Communicator& comm) {
  return global_mean(map.sum(), static_cast<double>(map.numel()), comm);
}

// q (ln q - log_p); 0 where q is 0.
at::Tensor kl_map(const at::Tensor& log_p, const at::Tensor& q) {
  return at::kl_div(log_p, q, at::Reduction::None);
}

}  // namespace

at::Tensor softmax_mse(const at::Tensor& logits, const at::Tensor& target_logits) {
  if (logits.size(1) == 1) return (logits.sigmoid() - target_logits.sigmoid()).square();
  return (logits.softmax(1) - target_logits.softmax(1)).square();
}

at::Tensor mean_teacher_mse(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) {
  return symmetric_mse(p, q.detach(), comm);
}

at::Tensor symmetric_mse(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) {
  return global_mean(at::mse_loss(p, q, at::Reduction::Sum), static_cast<double>(p.numel()), comm);
}

at::Tensor softmax_kl_map(const at::Tensor& logits, const at::Tensor& target_logits) {
  if (logits.size(1) == 1) return kl_map(logits.sigmoid().log(), target_logits.sigmoid());
  return kl_map(logits.log_softmax(1), target_logits.softmax(1));
}

at::Tensor softmax_kl(const at::Tensor& logits, const at::Tensor& target_logits,
                      const Communicator& comm) {
  return mean_of(softmax_kl_map(logits, target_logits), comm);
}

at::Tensor kl_probabilities(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) {
  return mean_of(kl_map((p + 1e-8).log(), q), comm);
}

at::Tensor soft_cross_entropy(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) {
  const at::Tensor log_p = (p.narrow(1, 0, 2) + 1e-8).log();
  return mean_of(-(q.narrow(1, 0, 2) * log_p).sum(1), comm);
}

at::Tensor rdrop_kl(const at::Tensor& logits, const at::Tensor& target_logits, int64_t axis,
                    const Communicator& comm) {
  const at::Tensor forward = kl_map(logits.log_softmax(axis), target_logits.softmax(axis));
  const at::Tensor backward = kl_map(target_logits.log_softmax(axis), logits.softmax(axis));
  return mean_of(forward + backward, comm) / 2;
}

namespace {

// [3,K] float64 over all ranks: Σpq, Σp^power, Σq^power of each class, weighed by the mask [N,S].
at::Tensor global_sums(const at::Tensor& p, const at::Tensor& q, int64_t power,
                       const Communicator& comm, const at::Tensor& mask = {}) {
  const auto of_classes = [&](const at::Tensor& map) {
    const at::Tensor counted = mask.defined() ? map * mask.unsqueeze(1) : map;
    return counted.transpose(0, 1).flatten(1).sum(1, /*keepdim=*/false, at::kDouble);
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

at::Tensor dice_sq_soft(const at::Tensor& p, const at::Tensor& q, const at::Tensor& mask,
                        const Communicator& comm) {
  return dice(global_sums(p, q, /*power=*/2, comm, mask), 1e-5, p.scalar_type());
}

at::Tensor dice_lin_both(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) {
  return dice(global_sums(p, q, /*power=*/1, comm).sum(1), 1e-8, p.scalar_type());
}

at::Tensor entropy_map(const at::Tensor& p) {
  return -(p * (p + 1e-6).log()).sum(1, /*keepdim=*/true);
}

at::Tensor entropy(const at::Tensor& p, const Communicator& comm) {
  const at::Tensor map = entropy_map(p);
  return global_mean(map.sum(), static_cast<double>(map.numel()), comm);
}

}  // namespace semiseg
