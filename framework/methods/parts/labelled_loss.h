// SPDX-License-Identifier: Apache-2.0
// The loss on labelled samples that most methods share, ½ (CE + Dice), and its records.
#pragma once

#include <string>
#include <vector>

#include "framework/methods/method.h"
#include "framework/methods/parts/labelled_dice.h"

namespace semiseg {

// Collective. logits [N,K,S], label [N,S]. Records loss.supervised, loss.supervised_ce and
// loss.supervised_dice.
at::Tensor labelled_loss(const at::Tensor& logits, const at::Tensor& label, LabelledDice dice,
                         Step& step);

// Returns the auxiliary heads of an output: aux1, aux2, … Throws kConfig when the network has none;
// `example` names one that has.
std::vector<NamedTensor> auxiliary_heads(const NetworkOutput& output, const char* method,
                                         const char* example);

// Collective. Mean of ½ (CE + Dice) over the deployed logits and auxiliary heads, whose labelled
// samples are the first. Records the parts of head aux1 as loss.supervised_ce_aux1 …
at::Tensor labelled_loss_of_heads(const at::Tensor& logits, const std::vector<NamedTensor>& heads,
                                  const at::Tensor& label, LabelledDice dice, Step& step);

}  // namespace semiseg
