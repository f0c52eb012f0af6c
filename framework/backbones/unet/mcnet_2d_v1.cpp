// SPDX-License-Identifier: Apache-2.0
// The U-Net with two decoders of multi_decoder_unet.h: bilinear, transposed.
// ycwu1997/MC-Net MCNet2d_v1; 2,577,624 parameters with one channel and four classes.
#include "framework/backbones/unet/multi_decoder_unet.h"

namespace semiseg::mcnet_2d_v1 {
namespace {

const bool registered = register_multi_decoder_unet(
    "mcnet_2d_v1", "U-Net 2-D with two decoders, for mc_net", "Wu et al., MICCAI 2021",
    {UNetLift::kBilinear, UNetLift::kTransposed});

}  // namespace
}  // namespace semiseg::mcnet_2d_v1
