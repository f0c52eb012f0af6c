// SPDX-License-Identifier: Apache-2.0
// The U-Net with a 3 × 3 head at each scale of the decoder, HiLab-git/SSL4MIS UNet_DS and
// UNet_URPC. Heads in the order of the outputs:
//
//   head     input          in URPC perturbed in training by
//   logits   up4, side 1    –
//   aux1     up3, side 1/2  feature_noise 0.3
//   aux2     up2, side 1/4  attention_dropout
//   aux3     up1, side 1/8  element_dropout 0.5
//
// Auxiliary logits are resized to the image's size by the nearest value. A fifth head, for the
// deepest level, exists without being used, as in the reference.
#pragma once

#include <memory>
#include <string>

#include "framework/nn/backbone.h"

namespace semiseg {

void read_multi_head_options(const Config& section, bool can_perturb);

std::unique_ptr<Backbone> make_multi_head_unet(const Config& section, const NetworkShape& shape,
                                               const Draws& draws, const std::string& net,
                                               bool can_perturb);

}  // namespace semiseg
