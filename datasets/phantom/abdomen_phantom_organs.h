// SPDX-License-Identifier: Apache-2.0
// The bodies of abdomen_phantom: thirteen organs of very unequal volume in a trunk.
#pragma once

#include <string>
#include <vector>

#include "datasets/phantom/phantom_solid.h"

namespace semiseg::phantom {

// "background" and the organs of BTCV (Landman et al., 2015), in its order.
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

// The trunk in painting order, and no organ hidden by another. variation 0: every body alike; 1: as
// different as patients are.
std::vector<Part> draw_abdomen(double variation, DrawSequence& draws);

}  // namespace semiseg::phantom
