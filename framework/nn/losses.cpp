// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "framework/nn/class_sums.h"
#include "framework/nn/offset_cross_entropy.h"

namespace semiseg {
namespace {

// Mean over classes of 1 - (factor Σpg + smooth) / (Σp^power + Σg + smooth_below).
struct DiceForm {
  int64_t power;
  double factor, smooth, smooth_below;
};
constexpr DiceForm kSquared{2, 2, 1e-5, 1e-5}, kLinear{1, 2, 1e-8, 1e-8}, kHalf{2, 1, 0, 1e-10},
    kMasked{2, 2, 1e-10, 1e-10};

at::Tensor dice(const DiceForm& form, const at::Tensor& p, const at::Tensor& label,
                const at::Tensor& mask, const Communicator& comm, int64_t first_class = 0) {
  const at::Tensor sums = comm.sum(class_sums(p, label, mask, form.power, first_class));
  const at::Tensor ratio =
      (form.factor * sums[0] + form.smooth) / (sums[1] + sums[2] + form.smooth_below);
  return (1 - ratio.mean()).to(p.scalar_type());
}

at::Tensor foreground(const at::Tensor& p) { return p.narrow(1, p.size(1) - 1, 1); }

}  // namespace

at::Tensor global_mean(const at::Tensor& local_sum, double local_count, const Communicator& comm) {
  if (comm.size() == 1) return local_sum / std::max(local_count, 1.0);
  const at::Tensor count = at::full({}, local_count, local_sum.options().dtype(at::kDouble));
  const at::Tensor sums = comm.sum(at::stack({local_sum.to(at::kDouble), count}));
  return (sums[0] / sums[1].clamp_min(1)).to(local_sum.scalar_type());
}

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& label,
                         const Communicator& comm) {
  return cross_entropy(logits, label, /*mask=*/{}, comm);
}

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& mask,
                         const Communicator& comm) {
  return cross_entropy_with_offsets(logits, label.to(at::kLong), /*table=*/{}, mask, comm);
}

at::Tensor dice_sq(const at::Tensor& p, const at::Tensor& label, const Communicator& comm) {
  return dice(kSquared, p, label, {}, comm);
}

at::Tensor dice_sq_fg(const at::Tensor& p, const at::Tensor& label, const Communicator& comm) {
  return dice(kSquared, foreground(p), label, {}, comm, /*first_class=*/1);
}

at::Tensor dice_lin_fg(const at::Tensor& p, const at::Tensor& label, const Communicator& comm) {
  return dice(kLinear, foreground(p), label, {}, comm, /*first_class=*/1);
}

at::Tensor dice_half(const at::Tensor& p, const at::Tensor& label, const Communicator& comm) {
  return dice(kHalf, p, label, {}, comm);
}

at::Tensor dice_masked_2d(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                          const Communicator& comm) {
  return dice(kMasked, p, label, mask, comm);
}

at::Tensor supervised_loss(const at::Tensor& logits, const at::Tensor& label,
                           const Communicator& comm) {
  return 0.5 * (cross_entropy(logits, label, comm) + dice_sq(logits.softmax(1), label, comm));
}

at::Tensor softmax_mse(const at::Tensor& logits, const at::Tensor& target_logits) {
  if (logits.size(1) == 1) return (logits.sigmoid() - target_logits.sigmoid()).square();
  return (logits.softmax(1) - target_logits.softmax(1)).square();
}

at::Tensor mean_teacher_mse(const at::Tensor& p, const at::Tensor& q, const Communicator& comm) {
  return global_mean(at::mse_loss(p, q.detach(), at::Reduction::Sum),
                     static_cast<double>(p.numel()), comm);
}

}  // namespace semiseg
