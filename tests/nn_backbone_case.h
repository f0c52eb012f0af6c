// SPDX-License-Identifier: Apache-2.0
// A network built as a parity case of kind `backbone` wants it, and compared with it.
#pragma once

#include <memory>
#include <string>

#include "framework/nn/backbone.h"
#include "tests/parity.h"

namespace semiseg {

// Registered network `name` with options in TOML; initial weights by seed 1.
std::unique_ptr<Backbone> make_backbone(const std::string& name, const std::string& options,
                                        const NetworkShape& shape,
                                        const std::string& net = "student");

// Evaluation in float32, or in training mode in float64 with gradients, batch statistics and the
// list of parameters: as the case's mode says. `options`: TOML beside what the case says itself.
void expect_backbone_case(const ParityCase& parity, const std::string& options);

// logits = classifier(features), whatever the network; evaluation mode.
void expect_classifier_of_features(Backbone& net, const at::Tensor& image);

}  // namespace semiseg
