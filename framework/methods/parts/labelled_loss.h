// SPDX-License-Identifier: Apache-2.0
// The loss on labelled samples that most methods share, ½ (CE + Dice), and its records. Code bases
// differ in the Dice term, and a comparison may ask for one of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/config/config.h"
#include "framework/methods/method.h"

namespace semiseg {

// A Dice loss of probabilities [N,K,S] and label [N,S]; collective (losses.h).
using LabelledDice = at::Tensor (*)(const at::Tensor& p, const at::Tensor& label,
                                    const Communicator& comm);

// Reads the key `dice`: dice_sq (SSL4MIS), or, on the foreground of two classes,
// dice_sq_fg (UA-MT, SASSNet, DTC, CauSSL) or dice_lin_fg (MC-Net and SS-Net in 3-D).
// Throws kConfig for these with more than two classes.
LabelledDice read_labelled_dice(const Config& section, int64_t classes,
                                const std::string& otherwise = "dice_sq");

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
