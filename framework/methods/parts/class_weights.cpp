// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/class_weights.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/core/ignore_label.h"

namespace semiseg {
namespace {

constexpr double kEpsilon = 1e-8, kExponent = 1. / 5;

// [C] number of pixels of each class. Nothing is copied to the host.
at::Tensor counts_of(const at::Tensor& label, int64_t classes) {
  const at::Tensor values = at::arange(classes, label.options()).unsqueeze(1);
  return (label.flatten().unsqueeze(0) == values).sum(1).to(at::kDouble);
}

}  // namespace

at::Tensor class_counts(const at::Tensor& prediction, const at::Tensor& label, int64_t classes,
                        const Communicator& comm) {
  constexpr int64_t kNoClass = -1;
  const at::Tensor counted = prediction.masked_fill(label == kIgnoreLabel, kNoClass);
  const at::Tensor hit = counted.masked_fill(counted != label, kNoClass);
  return comm.sum(
      at::stack({counts_of(hit, classes), counts_of(counted, classes), counts_of(label, classes)}));
}

at::Tensor hard_dice(const at::Tensor& counts) {
  return (2 * counts[0] + kEpsilon) / (counts[1] + counts[2] + 2 * kEpsilon);
}

ClassDifficulty::ClassDifficulty(int64_t classes, int64_t window, at::Device device)
    : keep_(static_cast<double>(window - 1) / static_cast<double>(window)),
      previous_(at::full({classes}, kEpsilon, at::TensorOptions(device).dtype(at::kDouble))),
      learned_(at::zeros_like(previous_)),
      unlearned_(at::zeros_like(previous_)),
      reversed_(at::ones_like(previous_)) {}

at::Tensor ClassDifficulty::update(const at::Tensor& dice, const at::Tensor& seen) {
  const at::Tensor change = dice - previous_, speed = change * (dice / previous_).log();
  const auto move = [&](at::Tensor& mean, const at::Tensor& value) {
    const at::Tensor moved = keep_ * mean + (1 - keep_) * value;
    mean.copy_(seen.defined() ? at::where(seen, moved, mean) : moved);
  };
  move(learned_, speed * (change > 0));
  move(unlearned_, speed * (change <= 0));
  move(reversed_, 1 - dice);
  previous_.copy_(seen.defined() ? at::where(seen, dice, previous_) : dice);
  return ((unlearned_ + kEpsilon) / (learned_ + kEpsilon)).pow(kExponent) * reversed_;
}

void ClassDifficulty::state(StateVisitor& visitor) {
  visitor.tensor("previous", previous_);
  visitor.tensor("learned", learned_);
  visitor.tensor("unlearned", unlearned_);
  visitor.tensor("reversed", reversed_);
}

at::Tensor relative_to_largest(const at::Tensor& v) {
  return static_cast<double>(v.numel()) * v / v.max();
}

at::Tensor rarity_weights(const at::Tensor& counts, const at::Tensor& otherwise) {
  const at::Tensor voxels = counts.to(at::kDouble);
  const at::Tensor rarity = ((voxels.max() + kEpsilon) / (voxels + kEpsilon)).log();
  return at::where(rarity.max() > 0, relative_to_largest(rarity), otherwise);
}

}  // namespace semiseg
