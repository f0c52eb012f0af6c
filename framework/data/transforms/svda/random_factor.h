// SPDX-License-Identifier: Apache-2.0
// A random number by which a transform changes a patch, and the chance that it does.
#pragma once

#include <string>

#include "framework/config/config.h"
#include "framework/core/random/draws.h"

namespace semiseg {

// The defaults are those of the strong augmentation of GenericSSL.
struct RandomFactor {
  double probability = 0.7;      // that the patch is changed
  double low = 0.7, high = 1.3;  // the factor lies in [low, high)
  // false: uniform in [low, high). true: below 1 and above 1 with equal chances, uniform there.
  bool is_balanced = false;

  // Reads the keys probability, low and high; `what` completes "Smallest …" in their texts.
  void read(const Config& section, const std::string& what) {
    section.read("probability", probability, {0, 1},
                 "Chance that a patch is changed. Lower it for a weaker view.");
    section.read("low", low, {1e-3, 100},
                 "Smallest " + what + ". Move it away from 1 for a stronger view.");
    section.read("high", high, {1e-3, 100},
                 "Largest " + what + ". Move it away from 1 for a stronger view.");
    if (low > high) section.fail("low", "a range that is empty", "at most high");
    if (is_balanced && (low > 1 || high < 1))
      section.fail("low", "a range without 1", "low of at most 1 and high of at least 1");
  }

  // Draws three numbers, whatever comes of them: chance, side, factor. Returns `unchanged` where
  // the patch is left as it is.
  double draw(DrawSequence& numbers, double unchanged = 1) const {
    const bool is_changed = numbers.uniform() < probability;
    const bool is_below = numbers.uniform() < 0.5;
    const double place = numbers.uniform();
    if (!is_changed) return unchanged;
    const double from = is_balanced && !is_below ? 1 : low, to = is_balanced && is_below ? 1 : high;
    return from + (to - from) * place;
  }
};

}  // namespace semiseg
