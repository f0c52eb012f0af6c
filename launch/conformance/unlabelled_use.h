// SPDX-License-Identifier: Apache-2.0
// Finds out whether a method learns from its unlabelled images.
#pragma once

#include "launch/parity/method_under_test.h"

namespace semiseg {

// Forward passes of unlabelled images change a network with batch norm even if no loss depends on
// them. Here the backbone is "test_per_sample", which has parameters only and computes each image
// alone, so that nothing but a loss carries an unlabelled image into the deployed network.
struct UnlabelledUse {
  int stages = 0;  // with streams that have no labels
  // In each of these stages, two steps at its end (ramps are up) with other unlabelled images make
  // another deployed network.
  bool images = true;
  // Views of those streams beside the weak one that leave the network as it is when they alone
  // change: "train/unlabelled/strong".
  std::vector<std::string> unused_views;
};

// Takes `setup` as it is but for its backbone, unless the method needs its own: its passes of
// labelled and of unlabelled images must then be different ones, and the parameters of its network
// "student" are compared.
UnlabelledUse unlabelled_use(MethodSetup setup);

}  // namespace semiseg
