// SPDX-License-Identifier: Apache-2.0
// The U-Net with several decoders that differ in the way to twice the sides only: Wu et al., MICCAI
// 2021 and MedIA 2022, as ycwu1997/MC-Net MCNet2d_v1 … v3 have it. The first decoder makes the
// logits; the others are the heads aux1, aux2, aux3.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/backbones/unet/unet_parts.h"

namespace semiseg {

// Registers such a network.
bool register_multi_decoder_unet(const char* name, const char* summary, const char* paper,
                                 const std::vector<UNetLift>& lifts);

}  // namespace semiseg
