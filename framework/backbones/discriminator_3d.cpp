// SPDX-License-Identifier: Apache-2.0
// The discriminator of discriminator.h for 3-D images: 11,024,386 parameters with a map of two
// classes and 96³ voxels.
#include "framework/backbones/discriminator.h"

namespace semiseg {
namespace {

const bool registered = BackboneRegistry::instance().add(
    {"discriminator_3d", "tells labelled from unlabelled volumes, for adversarial methods",
     [](const Config& section, const NetworkShape& shape, const Draws& draws,
        const std::string& net) {
       return make_discriminator({.pool = {6, 6, 6}, .activates_sum = true}, section, shape, draws,
                                 net);
     }});

}  // namespace
}  // namespace semiseg
