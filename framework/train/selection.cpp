// SPDX-License-Identifier: Apache-2.0
#include "framework/train/selection.h"

#include <cmath>

namespace semiseg {

void Selection::begin_stage() {
  best_iteration_ = -1;
  validations_since_best_ = 0;
}

bool Selection::add(double score, int64_t iteration, int64_t done) {
  // A score that is no number (no class was there to find) is worse than any that is one.
  const bool is_better = score > best_score_ || (std::isnan(best_score_) && !std::isnan(score));
  if (has_best() && !is_better) {
    ++validations_since_best_;
    return false;
  }
  best_score_ = score;
  best_iteration_ = iteration;
  best_done_ = done;
  validations_since_best_ = 0;
  return true;
}

void Selection::state(StateVisitor& visitor) {
  visitor.scalar("best_iteration", best_iteration_);
  visitor.scalar("best_done", best_done_);
  visitor.scalar("validations_since_best", validations_since_best_);
  visitor.scalar("best_score", best_score_);
}

}  // namespace semiseg
