// SPDX-License-Identifier: Apache-2.0
// Makes the networks that a method asks for, each with the same decorators: precision, CUDA graphs,
// the count of its forward passes, timing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "framework/nn/backbone.h"

namespace semiseg {

struct NetworkRequest {
  std::string net;       // "student": names its initial weights, its optimiser and its state
  std::string backbone;  // registered name; options from section [method.<backbone>]. Empty: the
                         // configured one, with the options of [backbone]
  std::optional<NetworkShape> shape;  // none: the experiment's
};

// Owns all that it needs, so that a method may keep a copy.
struct NetworkMaker {
  Config backbone, method;  // sections [backbone] and [method]
  NetworkShape shape;
  Draws draws;
  std::string precision = "float32";
  bool cuda_graphs = false;
  // Grows by the images of every forward pass, in either mode, of every network; nullptr: not
  // counted. One more decoding of the same features (FeatureDropout) is part of the pass.
  std::shared_ptr<int64_t> forwarded = nullptr;
  // Called with each new network of the configured backbone; empty: networks keep their initial
  // weights.
  std::function<void(Backbone& network, const std::string& net)> made;

  // Makes a network. Throws kConfig when there is no such backbone.
  std::unique_ptr<Backbone> operator()(const NetworkRequest& request) const;
};

}  // namespace semiseg
