// SPDX-License-Identifier: Apache-2.0
// The V-Net with several decoders that differ in the way to twice the sides only: Wu et al., MICCAI
// 2021 and MedIA 2022, as ycwu1997/MC-Net MCNet3d_v1 and v2 have it. The decoders share the encoder
// and its dropout; the first makes the logits, the others are the heads aux1, aux2.
#pragma once

#include <vector>

#include "framework/backbones/vnet/vnet_parts.h"

namespace semiseg {

// Registers such a network.
bool register_multi_decoder_vnet(const char* name, const char* summary, const char* paper,
                                 const std::vector<VNetLift>& lifts);

}  // namespace semiseg
