// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/consistency.h"

#include <algorithm>
#include <cmath>

#include "framework/nn/schedule.h"

namespace semiseg {

ConsistencyOptions ConsistencyOptions::read(const Config& section, ConsistencyOptions defaults) {
  ConsistencyOptions o = defaults;
  section.read("consistency_weight", o.weight, {0, 1000},
               "Weight of the unsupervised loss at the end of its ramp. Lower it when the "
               "unlabelled images pull the network away from the ground truth.");
  section.read("consistency_rampup", o.rampup, {0, 1e6},
               "Length of the ramp of that weight as a fraction of the stage. Shorten it when the "
               "network is good early; above 1 the full weight is never reached.");
  section.read(
      "consistency_rampup_steps", o.rampup_steps, {1, 1e6},
      "Number of steps of the ramp; the weight is constant in between. 200 in the reference.");
  section.read("consistency_start", o.start, {0, 1},
               "Fraction of the stage before which the unsupervised loss has no weight. Raise it "
               "when early pseudo-labels are useless.");
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
