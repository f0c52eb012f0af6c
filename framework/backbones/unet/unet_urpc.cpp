// SPDX-License-Identifier: Apache-2.0
// The U-Net with a head at each scale of the decoder (multi_head_unet.h), whose inputs are
// perturbed in training. HiLab-git/SSL4MIS UNet_URPC; 1,831,060 parameters with one channel and
// four classes.
#include "framework/backbones/unet/multi_head_unet.h"

namespace semiseg::unet_urpc {
namespace {

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet_urpc",
     .summary = "U-Net 2-D with a perturbed head at each scale, for urpc",
     .paper = "Luo et al., MICCAI 2021",
     .small = "filters = [4, 8, 8, 8, 8]",
     .read_options = [](const Config& section,
                        const NetworkShape&) { read_multi_head_options(section, true); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           return make_multi_head_unet(section, shape, draws, net, true);
         }});

}  // namespace
}  // namespace semiseg::unet_urpc
