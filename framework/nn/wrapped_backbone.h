// SPDX-License-Identifier: Apache-2.0
// The base of decorators that change only the forward pass of a network.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

class WrappedBackbone : public Backbone {
 public:
  Classifier classifier() const override { return network_->classifier(); }
  Classifier head(std::string_view name) const override { return network_->head(name); }
  const std::vector<NamedTensor>& parameters() const override { return network_->parameters(); }
  const std::vector<NamedTensor>& buffers() const override { return network_->buffers(); }

 protected:
  explicit WrappedBackbone(std::unique_ptr<Backbone> network) : network_(std::move(network)) {}
  std::unique_ptr<Backbone> network_;
};

}  // namespace semiseg
