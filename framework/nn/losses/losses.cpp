// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/losses.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <vector>

#include "framework/core/ignore_label.h"
#include "framework/nn/losses/class_sums.h"
#include "framework/nn/losses/offset_cross_entropy.h"

namespace semiseg {
namespace {

// Mean over classes of 1 - (factor Σpg + smooth) / (Σp^power + Σg + smooth_below).
struct DiceForm {
  int64_t power;
  double factor, smooth, smooth_below;
};
constexpr DiceForm kSquared{2, 2, 1e-5, 1e-5}, kLinear{1, 2, 1e-8, 1e-8}, kHalf{2, 1, 0, 1e-10},
    kMasked{2, 2, 1e-10, 1e-10}, kOfSample{1, 2, 1e-5, 1e-5};

// Returns the ratio of the three sums: [3,K] → [K], and more axes likewise.
at::Tensor ratio(const DiceForm& form, const std::vector<at::Tensor>& sums) {
  return (form.factor * sums[0] + form.smooth) / (sums[1] + sums[2] + form.smooth_below);
}

at::Tensor dice(const DiceForm& form, const at::Tensor& p, const at::Tensor& label,
                const at::Tensor& mask, const Communicator& comm, int64_t first_class = 0) {
  const at::Tensor sums = comm.sum(class_sums(p, label, mask, form.power, first_class));
  return (1 - ratio(form, sums.unbind()).mean()).to(p.scalar_type());
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

at::Tensor dice_sq_weighted(const at::Tensor& p, const at::Tensor& label, const at::Tensor& weight,
                            const Communicator& comm) {
  const at::Tensor sums = comm.sum(class_sums(p, label, /*mask=*/{}, kSquared.power));
  const at::Tensor ratios = ratio(kSquared, sums.unbind());
  return (weight.to(ratios.options()) * (1 - ratios)).mean().to(p.scalar_type());
}

at::Tensor dice_masked_2d(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                          const Communicator& comm) {
  return dice(kMasked, p, label, mask, comm);
}

at::Tensor dice_sq_confident(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                             const Communicator& comm, double smooth) {
  return dice({2, 2, smooth, smooth}, p, label, mask, comm);
}

at::Tensor dice_sq_fg_confident(const at::Tensor& p, const at::Tensor& label,
                                const at::Tensor& mask, const Communicator& comm, double smooth) {
  return dice({2, 2, smooth, smooth}, foreground(p), label, mask, comm, /*first_class=*/1);
}

at::Tensor dice_masked_3d(const at::Tensor& p, const at::Tensor& label, const at::Tensor& mask,
                          const Communicator& comm) {
  const at::Tensor all = p.size(1) == 1 ? at::cat({1 - p, p}, 1) : p;
  const at::Tensor sums = class_sums_of_samples(all, label, mask, /*power=*/1);  // [N,3,K]
  const at::Tensor ratios = ratio(kOfSample, sums.unbind(1));
  const double count = static_cast<double>(all.size(0) * all.size(1));
  return global_mean((1 - ratios).sum(), count, comm).to(p.scalar_type());
}

at::Tensor supervised_loss(const at::Tensor& logits, const at::Tensor& label,
                           const Communicator& comm) {
  return 0.5 * (cross_entropy(logits, label, comm) + dice_sq(logits.softmax(1), label, comm));
}

at::Tensor focal_loss(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& weight,
                      double gamma, const Communicator& comm, Reduction reduction) {
  const at::Tensor counts = label != kIgnoreLabel;
  const at::Tensor index = label.to(at::kLong) * counts;
  const at::Tensor log_p = logits.log_softmax(1).gather(1, index.unsqueeze(1)).squeeze(1);
  at::Tensor factor = (1 - log_p.detach().exp()).pow(gamma) * counts;
  if (weight.defined()) factor = factor * weight.to(factor.options()).take(index);
  const at::Tensor sum = -(factor * log_p).sum();
  if (reduction == Reduction::kSum) return comm.sum(sum.to(at::kDouble)).to(sum.scalar_type());
  return global_mean(sum, counts.sum().item<double>(), comm);
}

}  // namespace semiseg
