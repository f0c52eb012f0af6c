// SPDX-License-Identifier: Apache-2.0
// What runs say about a scan that is no case of their data set.
#pragma once

#include <vector>

#include "launch/assemble.h"

namespace semiseg {

// Mean over the experiments of the class probabilities, [K,D,H,W] float32 on the CPU, slice by
// slice as validation does it. All have the same classes and channels.
at::Tensor class_probabilities(const std::vector<Experiment>& experiments, const Volume& volume);

// Label map [D,H,W] uint8: one experiment's as in evaluation, of several the class of the largest
// mean probability.
at::Tensor class_labels(const std::vector<Experiment>& experiments, const Volume& volume);

}  // namespace semiseg
