// SPDX-License-Identifier: Apache-2.0
// The options of translation consistent co-training.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/nn/backbone.h"
#include "framework/nn/losses/losses_translation.h"

namespace semiseg {

struct TraCoCoOptions {
  double weight = 1, translation_weight = 0.1, entropy_weight = 0.01, noise = 0.05;
  double ramp = 0;  // iterations; 0: a fiftieth of the training
  bool clamps = false, filters = true, adds_dice = true, over_classes = false;
  std::vector<int64_t> copy_paste_nets = {1, 2};
  int64_t connectivity = 0;
  CrossThresholds thresholds;

  // The defaults are those of the reference on LA for volumes of two classes, on ACDC otherwise.
  static TraCoCoOptions read(const Config& section, const NetworkShape& shape);
  // Network i = 0, 1 trains on mixed images.
  bool mixes(int i) const;
  double ramp_of(int64_t iterations) const;
};

}  // namespace semiseg
