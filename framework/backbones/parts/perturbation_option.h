// SPDX-License-Identifier: Apache-2.0
// The option of networks that perturb their features in training.
#pragma once

#include <string>

#include "framework/config/config.h"

namespace semiseg {

// Reads the key perturbations: "on" or "off".
inline bool read_perturbations(const Config& section) {
  std::string value = "on";
  section.read("perturbations", value, {"on", "off"},
               "Perturbs the features of the auxiliary heads in training, which their consistency "
               "is made for. Switch it off to train the heads on plain features.");
  return value == "on";
}

}  // namespace semiseg
