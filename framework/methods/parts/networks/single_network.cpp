// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/networks/single_network.h"

#include <utility>

namespace semiseg {

SingleNetwork::SingleNetwork(const MethodContext& context, std::vector<StreamPlan> streams,
                             std::vector<std::vector<int64_t>> colocated)
    : stage_{.name = "train",
             .iterations = context.iterations,
             .streams = std::move(streams),
             .colocated = std::move(colocated)},
      network_(context.make_network({"student"})),
      optimiser_(make_optimiser("student", network_->parameters(), context.optimiser)),
      predictor_(*network_) {}

void SingleNetwork::state(StateVisitor& visitor) {
  visitor.scope("student", [this](StateVisitor& v) { network_->state(v); });
  optimiser_->state(visitor);
}

NetworkOutput SingleNetwork::forward_all(const Batch& batch, const Step& step) {
  return network_->forward(batch.joined(), step.train_pass("student", batch.samples));
}

void SingleNetwork::finish(const at::Tensor& total, Step& step) {
  step.record("loss.total", total);
  step.minimise(*optimiser_, total);
}

}  // namespace semiseg
