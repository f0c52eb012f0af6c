// SPDX-License-Identifier: Apache-2.0
// The part of a network that is deployed, where training needs more of it than prediction.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/nn/backbone.h"

namespace semiseg {

// Computes the deployed head of `whole` alone, and shows those of its parameters and buffers that
// `is_deployed` accepts. `whole` outlives it.
class DeployedPart : public Backbone {
 public:
  DeployedPart(Backbone& whole, const std::function<bool(const std::string& name)>& is_deployed);
  NetworkOutput forward(const NetworkInput& input, const Pass& pass) override;
  Classifier classifier() const override { return whole_.classifier(); }
  const std::vector<NamedTensor>& parameters() const override { return parameters_; }
  const std::vector<NamedTensor>& buffers() const override { return buffers_; }

 private:
  Backbone& whole_;
  std::vector<NamedTensor> parameters_, buffers_;
};

}  // namespace semiseg
