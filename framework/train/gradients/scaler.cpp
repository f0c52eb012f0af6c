// SPDX-License-Identifier: Apache-2.0
#include "framework/train/gradients/scaler.h"

namespace semiseg {
namespace {

constexpr int64_t kGrowAfter = 2000;  // updates

}  // namespace

bool GradientScaler::accept(bool is_finite) {
  if (!is_on_ || (!is_finite && scale_ <= 1)) return true;
  if (!is_finite) {
    next_scale_ = scale_ / 2;
    finite_updates_ = 0;
    return false;
  }
  if (++finite_updates_ == kGrowAfter) {
    next_scale_ = scale_ * 2;
    finite_updates_ = 0;
  }
  return true;
}

void GradientScaler::end_step() { scale_ = next_scale_; }

void GradientScaler::state(StateVisitor& visitor) {
  if (!is_on_) return;
  visitor.scalar("loss_scale", scale_);
  visitor.scalar("finite_updates", finite_updates_);
  next_scale_ = scale_;
}

}  // namespace semiseg
