// SPDX-License-Identifier: Apache-2.0
// Augmentation whose strength is learned (control theory augment): Berthelot et al., ICLR 2020, as
// HiLab-git/SSL4MIS augmentations/ctaugment.py has it. Each parameter of each operation has bins with a
// rate; operations that the network predicts badly on are drawn less often. All ranks hold the same.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "framework/core/random/draws.h"
#include "framework/core/state.h"

namespace semiseg {

struct PolicyStep {
  int64_t operation = 0;
  std::vector<double> levels;  // [0, 1), one for each parameter of the operation
};
using Policy = std::vector<PolicyStep>;

struct PolicyOptions {
  int64_t depth = 2;  // operations of a policy
  double threshold = 0.85, decay = 0.99;
};

class LearnedPolicy {
 public:
  // bins[o]: numbers of bins of the parameters of operation o. `name` is that of state and draws.
  LearnedPolicy(std::vector<std::vector<int64_t>> bins, std::string name, PolicyOptions options);

  // Replaces the policy: operations are drawn evenly; of a parameter a bin with probability
  // proportional to p = (rate + 1 − decay) / largest, 0 below the threshold, and a place in it.
  void draw(const Draws& draws);

  // Moves the rates of the policy's bins: r ← decay r + (1 − decay) proximity.
  void update(double proximity);

  Policy policy() const;  // empty before the first draw()

  // Visits rates and policy under "policy/<name>/".
  void state(StateVisitor& visitor);

 private:
  int64_t parameter(size_t operation, size_t place) const;

  std::vector<std::vector<int64_t>> bins_;
  std::string name_;
  PolicyOptions options_;
  std::vector<at::Tensor> rates_;  // float64 [bins], parameter after parameter
  at::Tensor policy_;              // float64 [depth, 1 + most parameters]: operation, levels
};

}  // namespace semiseg
