// SPDX-License-Identifier: Apache-2.0
// The ramped weight of consistency terms, and its options, as SSL4MIS has them but in fractions of
// the training, so that a short training ramps like a long one.
#pragma once

#include <cstdint>

#include "framework/config/config.h"

namespace semiseg {

struct ConsistencyOptions {
  double weight = 0.1;  // w
  double rampup = 1.0;  // length of the ramp as a fraction of the stage
  int64_t rampup_steps =
      200;  // L: the weight is constant within 1/L of the ramp (reference: 150 iterations)
  double start = 0.0;  // fraction of the stage before which the weight is 0
  static ConsistencyOptions read(const Config& section, ConsistencyOptions defaults);
};

// w · exp(-5 (1 - min(t', L)/L)²), t' = floor(iteration / (length · rampup / L)). With length = 30
// 000, rampup = 1 and L = 200 it is the reference's R(iteration div 150, 200).
double consistency_ramp(const ConsistencyOptions& options, int64_t iteration, int64_t length);

// Returns the ramp, but 0 before `start`; the start does not delay the ramp.
double consistency_weight(const ConsistencyOptions& options, int64_t iteration, int64_t length);

}  // namespace semiseg
