// SPDX-License-Identifier: Apache-2.0
// Updates the teacher as a moving average of the student: θ' ← α θ' + (1 - α) θ. Tarvainen &
// Valpola, NeurIPS 2017.
#pragma once

#include <cstdint>
#include <string>

#include "framework/config/config.h"
#include "framework/nn/backbone.h"

namespace semiseg {

struct EmaOptions {
  double decay = 0.99;  // α
  bool warmup = true;   // α = min(1 - 1/(k+1), decay) at iteration k: a plain average at first
  std::string buffers =
      "none";  // batch-norm statistics: none (the teacher keeps its own), average, copy

  // Reads the keys ema_decay, ema_warmup, ema_buffers.
  static EmaOptions read(const Config& section, const EmaOptions& defaults);
};

// Returns α of iteration k, counted from 0. SSL4MIS update_ema_variables.
double ema_alpha(const EmaOptions& options, int64_t iteration);

// Two networks of one architecture; no gradient. "average" averages counters too and cuts them to
// integers (BCP, ACDC).
void update_teacher(Backbone& teacher, const Backbone& student, const EmaOptions& options,
                    int64_t iteration);

}  // namespace semiseg
