// SPDX-License-Identifier: Apache-2.0
// Makes a registered network for a test, and checks what holds for each.
#pragma once

#include <memory>
#include <string>

#include "framework/nn/backbone.h"
#include "launch/parity/parity_case.h"

namespace semiseg {

// Registered network `name` with options in TOML; initial weights by seed 1.
std::unique_ptr<Backbone> make_backbone(const std::string& name, const std::string& options,
                                        const NetworkShape& shape,
                                        const std::string& net = "student");

// logits = classifier(features), whatever the network; evaluation mode.
void expect_classifier_of_features(Backbone& net, const at::Tensor& image);

}  // namespace semiseg
