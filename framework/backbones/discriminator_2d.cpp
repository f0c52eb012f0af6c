// SPDX-License-Identifier: Apache-2.0
// The discriminator of discriminator.h for 2-D images: 2,762,754 parameters with a map of four
// classes.
#include "framework/backbones/parts/discriminator.h"

namespace semiseg::discriminator_2d {
namespace {

const DiscriminatorKind kKind = {.pool = {7, 7}, .activates_sum = false};

const bool registered = BackboneRegistry::instance().add(
    {.name = "discriminator_2d",
     .summary = "Tells labelled from unlabelled maps, for adversarial methods",
     .paper = "Zhang et al., MICCAI 2017",
     .read_options = [](const Config& section,
                        const NetworkShape&) { read_discriminator_options(kKind, section); },
     .make =
         [](const Config& section, const NetworkShape& shape, const Draws& draws,
            const std::string& net) {
           return make_discriminator(kKind, section, shape, draws, net);
         }});

}  // namespace
}  // namespace semiseg::discriminator_2d
