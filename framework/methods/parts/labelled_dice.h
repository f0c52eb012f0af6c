// SPDX-License-Identifier: Apache-2.0
// The Dice term of the loss on labelled samples: code bases differ in it, and a comparison may ask
// for one of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "framework/comm/communicator.h"
#include "framework/config/config.h"

namespace semiseg {

// A Dice loss of probabilities [N,K,S] and label [N,S]; collective (losses.h).
using LabelledDice = at::Tensor (*)(const at::Tensor& p, const at::Tensor& label,
                                    const Communicator& comm);

// Reads the key `dice`: dice_sq (SSL4MIS), or, on the foreground of two classes,
// dice_sq_fg (UA-MT, SASSNet, DTC, CauSSL) or dice_lin_fg (MC-Net and SS-Net in 3-D).
// Throws kConfig for these with more than two classes.
LabelledDice read_labelled_dice(const Config& section, int64_t classes,
                                const std::string& otherwise = "dice_sq");

}  // namespace semiseg
