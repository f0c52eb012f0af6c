// SPDX-License-Identifier: Apache-2.0
// The loss of labelled samples of networks with a head of signed distances: HiLab-git/DTC and
// kleinzcy/SASSnet.
#pragma once

#include "framework/methods/method.h"

namespace semiseg {

// Reads the key beta: the weight of the distances.
double read_distance_weight(const Config& section);

// Collective. D(p_l, y) + β MSE(s_l, T): Dice of the foreground with squared denominators, T the
// signed distance of y. map s and probabilities p [N,1,S] of all samples, the labelled ones first;
// label [N_l,S]. Records loss.supervised, loss.supervised_dice and loss.signed_distance.
at::Tensor distance_loss(const at::Tensor& map, const at::Tensor& p, const at::Tensor& label,
                         double beta, Step& step);

}  // namespace semiseg
