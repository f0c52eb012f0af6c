// SPDX-License-Identifier: Apache-2.0
// A view of a training while it runs: progress bar, console, TensorBoard. Nothing depends on one.
#pragma once

#include <cstdint>
#include <optional>

#include "framework/methods/method.h"
#include "framework/record/run/metrics_log.h"

namespace semiseg {

// Set on rank 0 only.
class Display {
 public:
  virtual ~Display() = default;

  // Called once, before the first step. `done` > 0: the training is resumed there, and rows of later
  // steps are shown again. `best`: the best score of the present stage so far.
  virtual void begin(const Plan& plan, int64_t done, std::optional<double> best) = 0;
  // Called after every step: `done` iterations so far, `samples` in the global batch.
  virtual void stepped(int64_t done, int64_t samples) {}
  // `is_best`: the row of a validation whose first value is the best of its stage so far.
  virtual void show(const MetricsRow& row, bool is_best) = 0;
};

}  // namespace semiseg
