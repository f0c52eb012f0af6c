// SPDX-License-Identifier: Apache-2.0
// The base of methods that train one network in one stage.
#pragma once

#include <memory>
#include <vector>

#include "framework/methods/method.h"
#include "framework/methods/parts/networks/network_predictor.h"

namespace semiseg {

// The network is called "student" in state, optimiser and records, and is deployed.
class SingleNetwork : public Method {
 public:
  SingleNetwork(const MethodContext& context, std::vector<StreamPlan> streams,
                std::vector<std::vector<int64_t>> colocated = {});
  Plan plan() const override { return {{stage_}}; }
  Predictor& predictor() override { return predictor_; }
  void state(StateVisitor& visitor) override;

 protected:
  // Runs the network in training mode on weak images of all streams.
  NetworkOutput forward_all(const Batch& batch, const Step& step);
  // Records the loss as loss.total and updates the network.
  void finish(const at::Tensor& total, Step& step);

  const Stage stage_;
  const std::unique_ptr<Backbone> network_;
  const std::unique_ptr<Optimiser> optimiser_;

 private:
  NetworkPredictor predictor_;
};

}  // namespace semiseg
