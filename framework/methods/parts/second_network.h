// SPDX-License-Identifier: Apache-2.0
// The option of methods whose second network has another architecture than the configured one.
#pragma once

#include <string>

#include "framework/config/config.h"
#include "framework/nn/backbone.h"

namespace semiseg {

// Reads the key net2_backbone and the options of that backbone, from the section of its name. The
// default is `fitting` where the patch has the sides that this network demands, and otherwise
// empty: a second network of the configured backbone.
std::string read_second_network(const Config& section, const NetworkShape& shape,
                                const std::string& fitting = "swin_unet",
                                const std::vector<int64_t>& patch = {224, 224});

}  // namespace semiseg
