// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/consistency.h"

#include <algorithm>
#include <cmath>

#include "framework/nn/schedule.h"

namespace semiseg {

ConsistencyOptions ConsistencyOptions::read(const Config& section, ConsistencyOptions defaults) {
  ConsistencyOptions o = defaults;
  section.read("consistency_weight", o.weight, {0, 1000},
               "weight of the consistency term after the ramp");
  section.read("consistency_rampup", o.rampup, {0, 1e6},
               "length of the ramp as a fraction of the training");
  section.read("consistency_rampup_steps", o.rampup_steps, {1, 1e6},
               "steps of the ramp: constant in between");
  section.read("consistency_start", o.start, {0, 1},
               "fraction of the training before which the term's weight is 0");
  return o;
}

double consistency_ramp(const ConsistencyOptions& options, int64_t iteration, int64_t length) {
  const double step =
      static_cast<double>(length) * options.rampup / static_cast<double>(options.rampup_steps);
  const double position = step > 0 ? std::floor(static_cast<double>(iteration) / step) : 1e18;
  return options.weight * sigmoid_rampup(position, static_cast<double>(options.rampup_steps));
}

double consistency_weight(const ConsistencyOptions& options, int64_t iteration, int64_t length) {
  if (static_cast<double>(iteration) < options.start * static_cast<double>(length)) return 0;
  return consistency_ramp(options, iteration, length);
}

}  // namespace semiseg
