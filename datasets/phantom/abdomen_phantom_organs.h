// SPDX-License-Identifier: Apache-2.0
// The bodies of abdomen_phantom: thirteen organs of very unequal volume in a trunk.
#pragma once

#include <string>
#include <vector>

#include "datasets/phantom/phantom_solid.h"

namespace semiseg::phantom {

// Returns "background" and the organs of BTCV (Landman et al., 2015), in its order.
std::vector<std::string> abdomen_classes();

enum AbdomenTissue {
  kAbdomenAir,
  kAbdomenFat,
  kAbdomenMuscle,
  kAbdomenBone,
  kAbdomenBowel,
  kAbdomenFirstOrgan,  // + label - 1
};
constexpr int kAbdomenOrgans = 13;
constexpr int kAbdomenTissues = kAbdomenFirstOrgan + kAbdomenOrgans;

// Draws the trunk in painting order, with no organ hidden by another. variation 0: all bodies are
// alike; 1: they differ as patients do.
std::vector<Part> draw_abdomen(double variation, DrawSequence& draws);

}  // namespace semiseg::phantom
