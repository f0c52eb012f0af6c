// SPDX-License-Identifier: Apache-2.0
// Class-specific representations of feature maps, and how far those of labelled images are from
// those of unlabelled ones: the task-affinity consistency of TAC (Chen et al., IEEE TMI 2023).
// Equations are numbered as in tac.cpp. B samples of this rank, K features, C classes, S spatial
// axes.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/comm/communicator.h"

namespace semiseg {

struct AffinityOptions {
  double epsilon = 1e-6;           // added to the mass of a class
  bool group_mean = false;         // compares the groups' prototypes, not pairs of samples
  bool per_sample = false;         // each sample's pooling has its own denominator
  bool skip_absent_class = false;  // leaves out classes that no labelled pixel has
};

// A tensor of the labelled and one of the unlabelled group.
struct GroupPair {
  at::Tensor labelled, unlabelled;
};

// Returns the map [B,C,S] at the size of `map` [B,·,S'], by its nearest (strided) voxels; S must be
// multiples of S'.
at::Tensor guide_at(const at::Tensor& guide, const at::Tensor& map);

// The parts of eq. (2), float64: P[b,k,c] = sums / (mass summed over the group + ε).
struct ClassPool {
  at::Tensor sums;  // [B,K,C] Σ_v F[b,k,v] G[b,c,v], one matrix product
  at::Tensor mass;  // [B,C] Σ_v G[b,c,v]
};
ClassPool pool_classes(const at::Tensor& features, const at::Tensor& guide);

// Eq. (3): M of each feature map, mean over c, b and k of (P_u − P_l)². `features` are [B,K,S'] of
// both groups, `guides` [B,C,S]. Pairs of samples must lie on one rank unless group_mean is set.
// Collective: one message, whatever the number of maps; the squares are expanded, so that only sums
// over samples are needed. Gradients reach features and guides of both groups.
std::vector<at::Tensor> task_affinity(const std::vector<GroupPair>& features,
                                      const GroupPair& guides, const AffinityOptions& options,
                                      const Communicator& comm);

}  // namespace semiseg
