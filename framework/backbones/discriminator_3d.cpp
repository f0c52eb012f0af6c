// SPDX-License-Identifier: Apache-2.0
// The discriminator of discriminator.h for 3-D images: 11,024,386 parameters with a map of two
// classes and 96³ voxels.
#include "framework/backbones/parts/discriminator.h"

namespace semiseg::discriminator_3d {
namespace {

const DiscriminatorKind kKind = {.pool = {6, 6, 6}, .activates_sum = true};

const bool registered = BackboneRegistry::instance().add(
    {.name = "discriminator_3d",
     .summary = "Tells labelled from unlabelled volumes, for adversarial methods",
     .paper = "Zhang et al., MICCAI 2017",
     .read_options = [](const Config& section,
                        const NetworkShape&) { read_discriminator_options(kKind, section); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           return make_discriminator(kKind, section, shape, draws, net);
         }});

}  // namespace
}  // namespace semiseg::discriminator_3d
