// SPDX-License-Identifier: Apache-2.0
// The V-Net with two decoders of multi_decoder_vnet.h: transposed, trilinear.
// ycwu1997/MC-Net MCNet3d_v1; 12,347,716 parameters with one channel, two classes and batch norm.
#include "framework/backbones/vnet/multi_decoder_vnet.h"

namespace semiseg::mcnet_3d_v1 {
namespace {

const bool registered = register_multi_decoder_vnet(
    "mcnet_3d_v1", "V-Net 3-D with two decoders, for mc_net", "Wu et al., MICCAI 2021",
    {VNetLift::kTransposed, VNetLift::kTrilinear});

}  // namespace
}  // namespace semiseg::mcnet_3d_v1
