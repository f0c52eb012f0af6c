// SPDX-License-Identifier: Apache-2.0
// The V-Net with three decoders of multi_decoder_vnet.h: transposed, trilinear, nearest.
// ycwu1997/MC-Net MCNet3d_v2; 15,246,566 parameters with one channel, two classes and batch norm.
#include "framework/backbones/vnet/multi_decoder_vnet.h"

namespace semiseg::mcnet_3d_v2 {
namespace {

const bool registered = register_multi_decoder_vnet(
    "mcnet_3d_v2", "V-Net 3-D with three decoders, for mc_net", "Wu et al., MedIA 2022",
    {VNetLift::kTransposed, VNetLift::kTrilinear, VNetLift::kNearest});

}  // namespace
}  // namespace semiseg::mcnet_3d_v2
