// SPDX-License-Identifier: Apache-2.0
// Makes a registered network for a test, and checks what holds for each.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "framework/config/compose.h"
#include "framework/nn/backbone.h"
#include "launch/parity/parity_case.h"

namespace semiseg {

// Registered network `name` with options in TOML; initial weights by seed 1.
inline std::unique_ptr<Backbone> make_backbone(const std::string& name, const std::string& options,
                                               const NetworkShape& shape,
                                               const std::string& net = "student") {
  return BackboneRegistry::instance().find(name).make(parse_config(options), shape, Draws(1), net);
}

// logits = classifier(features), whatever the network; evaluation mode.
inline void expect_classifier_of_features(Backbone& net, const at::Tensor& image) {
  const NetworkOutput out = net.forward(image, Pass{});
  const Classifier head = net.classifier();
  std::vector<int64_t> padding;
  for (const int64_t side : head.weight.sizes().slice(2)) padding.push_back(side / 2);
  const std::vector<int64_t> ones(padding.size(), 1), zeros(padding.size(), 0);
  const at::Tensor logits = at::convolution(out.features, head.weight, head.bias, ones, padding,
                                            ones, /*transposed=*/false, zeros, /*groups=*/1);
  EXPECT_TRUE(at::allclose(logits, out.logits, 1e-5, 1e-6));
}

}  // namespace semiseg
