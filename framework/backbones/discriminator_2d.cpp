// SPDX-License-Identifier: Apache-2.0
// The discriminator of discriminator.h for 2-D images: 2,762,754 parameters with a map of four
// classes.
#include "framework/backbones/discriminator.h"

namespace semiseg {
namespace {

const bool registered = BackboneRegistry::instance().add(
    {"discriminator_2d", "tells labelled from unlabelled maps, for adversarial methods",
     [](const Config& section, const NetworkShape& shape, const Draws& draws,
        const std::string& net) {
       return make_discriminator({.pool = {7, 7}, .activates_sum = false}, section, shape, draws,
                                 net);
     }});

}  // namespace
}  // namespace semiseg
