// SPDX-License-Identifier: Apache-2.0
// The U-Net with a head at each scale of the decoder (multi_head_unet.h), for deep supervision.
// HiLab-git/SSL4MIS UNet_DS; 1,831,060 parameters with one channel and four classes.
#include "framework/backbones/unet/multi_head_unet.h"

namespace semiseg::unet_ds {
namespace {

const bool registered = BackboneRegistry::instance().add(
    {.name = "unet_ds",
     .summary = "U-Net 2-D with a head at each scale",
     .paper = "Ronneberger et al., MICCAI 2015",
     .small = "filters = [4, 8, 8, 8, 8]",
     .read_options = [](const Config& section,
                        const NetworkShape&) { read_multi_head_options(section, false); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           return make_multi_head_unet(section, shape, draws, net, false);
         }});

}  // namespace
}  // namespace semiseg::unet_ds
