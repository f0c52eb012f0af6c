// SPDX-License-Identifier: Apache-2.0
// A few parameters, trained by the steps of the loop: for tests of the reduction of gradients.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/train/training_step.h"
#include "launch/conformance/thread_communicator.h"

namespace semiseg {

using StepRecords = std::vector<std::pair<std::string, TrainingStep::Value>>;

inline const OptimiserOptions kPlain{
    .learning_rate = 1, .momentum = 0, .weight_decay = 0, .schedule = "constant"};
inline const OptimiserOptions kHeavy{.learning_rate = 0.1,
                                     .momentum = 0.9,
                                     .weight_decay = 0.1,
                                     .schedule = "constant",
                                     .clip_norm = 0.5};
// Every tensor of these tests is larger than that: one bucket for each.
inline const ReductionOptions kTiny{.bucket_mb = 1. / (1 << 20)};

inline at::Tensor numbers(const std::string& name, std::vector<int64_t> shape) {
  return Draws(7).normal(name, shape, {0}).squeeze(0).to(at::kDouble);
}

inline NamedTensor parameter(const std::string& name, std::vector<int64_t> shape) {
  at::Tensor value = numbers(name, std::move(shape));
  value.set_requires_grad(true);
  return {name, value};
}

// The parts that one rank needs to train a few parameters.
struct Trained {
  Trained(const Communicator& communicator, std::vector<NamedTensor> parameters,
          const OptimiserOptions& options = kPlain,
          const ReductionOptions& reduction_options = kTiny, const std::string& name = "net")
      : comm(communicator),
        optimiser(make_optimiser(name, std::move(parameters), options)),
        reduction(comm, reduction_options) {}

  // One step of the loop: `body` calls minimise and accumulate.
  void step(const std::function<void(Step&)>& body) {
    StepRecords records;
    TrainingStep step(comm, draws, reduction, scaler, records);
    step.iteration = iteration++;
    body(step);
  }
  void minimise(const at::Tensor& loss) {
    step([&](Step& s) { s.minimise(*optimiser, loss); });
  }
  const at::Tensor& operator[](size_t i) const { return optimiser->parameters()[i].value; }
  std::string order() {
    const StateMap state = take_state([this](StateVisitor& v) { reduction.state(v); });
    return std::get<std::string>(state.at("gradient_order"));
  }

  const Communicator& comm;
  Draws draws{0};
  std::unique_ptr<Optimiser> optimiser;
  GradientReduction reduction;
  GradientScaler scaler{false};
  int64_t iteration = 0;
};

}  // namespace semiseg
