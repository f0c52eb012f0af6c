// SPDX-License-Identifier: Apache-2.0
// The selection of the best state of a stage by its validation scores, and early stopping.
#pragma once

#include <cstdint>
#include <optional>

#include "framework/core/state.h"

namespace semiseg {

class Selection {
 public:
  // Starts a stage, which has no validation yet.
  void begin_stage();

  // Adds a validation score, higher is better, after `iteration` steps of the stage and `done`
  // steps of the training. Returns true when it is the best of the stage so far.
  bool add(double score, int64_t iteration, int64_t done);

  bool has_best() const { return best_iteration_ >= 0; }
  int64_t best_iteration() const { return best_iteration_; }  // within the stage; -1: no validation
  int64_t best_done() const { return best_done_; }
  std::optional<double> best_score() const {
    return has_best() ? std::optional(best_score_) : std::nullopt;
  }
  // Returns true when `patience` validations in a row were no new best; 0: never.
  bool is_exhausted(int64_t patience) const {
    return patience > 0 && validations_since_best_ >= patience;
  }
  // Returns true when the best is at least `patience` iterations old after `iteration` steps of the
  // stage; 0: never.
  bool is_outdated(int64_t iteration, int64_t patience) const {
    return patience > 0 && iteration - best_iteration_ >= patience;
  }

  void state(StateVisitor& visitor);

 private:
  int64_t best_iteration_ = -1, best_done_ = 0, validations_since_best_ = 0;
  double best_score_ = 0;
};

}  // namespace semiseg
