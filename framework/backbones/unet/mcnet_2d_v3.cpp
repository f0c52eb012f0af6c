// SPDX-License-Identifier: Apache-2.0
// The U-Net with four decoders of multi_decoder_unet.h: bilinear, transposed, nearest, bicubic.
// ycwu1997/MC-Net MCNet2d_v3; 3,844,224 parameters with one channel and four classes.
#include "framework/backbones/unet/multi_decoder_unet.h"

namespace semiseg::mcnet_2d_v3 {
namespace {

const bool registered = register_multi_decoder_unet(
    "mcnet_2d_v3", "U-Net 2-D with four decoders, for mc_net", "Wu et al., MedIA 2022",
    {UNetLift::kBilinear, UNetLift::kTransposed, UNetLift::kNearest, UNetLift::kBicubic});

}  // namespace
}  // namespace semiseg::mcnet_2d_v3
