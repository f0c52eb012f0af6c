// SPDX-License-Identifier: Apache-2.0
#include "framework/train/training_step.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>

#include "framework/core/error.h"

namespace semiseg {
namespace {

[[noreturn]] void fail_non_finite(const std::string& what, const Step& step, double value) {
  throw Error(
      ErrorKind::kNumeric,
      {.what = what + " is not finite",
       .where = fmt::format("stage {}, iteration {}", step.stage, step.iteration),
       .got = fmt::format("{}", value),
       .fix =
           "lower protocol.optimiser.learning_rate or set protocol.optimiser.clip_norm; the last "
           "checkpoint is good"});
}

// Sum over ranks of every gradient, in parameter order.
void reduce_gradients(const std::vector<NamedTensor>& parameters, const Communicator& comm) {
  if (comm.size() == 1) return;
  for (const auto& parameter : parameters) {
    at::Tensor& gradient = parameter.value.mutable_grad();
    if (!gradient.defined()) gradient = at::zeros_like(parameter.value);
    comm.all_reduce(gradient, "gradient");
  }
}

// Norm over all gradients; kNumeric naming the first parameter whose gradient is not finite.
double checked_norm(const Optimiser& optimiser, const Step& step) {
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : optimiser.parameters()) {
    if (parameter.value.grad().defined()) gradients.push_back(parameter.value.grad());
  }
  if (gradients.empty()) return 0;
  const double norm = at::stack(at::_foreach_norm(gradients)).to(at::kDouble).norm().item<double>();
  if (std::isfinite(norm)) return norm;
  for (const auto& parameter : optimiser.parameters()) {
    const at::Tensor& gradient = parameter.value.grad();
    if (gradient.defined() && !at::isfinite(gradient).all().item<bool>()) {
      fail_non_finite(fmt::format("the gradient of {}/{}", optimiser.name(), parameter.name), step,
                      norm);
    }
  }
  fail_non_finite("the gradient norm of " + optimiser.name(), step, norm);
}

void clip(const Optimiser& optimiser, double norm) {
  const double limit = optimiser.options().clip_norm;
  if (limit <= 0 || norm <= limit) return;
  for (const auto& parameter : optimiser.parameters()) {
    if (parameter.value.grad().defined()) parameter.value.mutable_grad().mul_(limit / norm);
  }
}

}  // namespace

TrainingStep::TrainingStep(const Communicator& communicator, const Draws& step_draws,
                           std::vector<std::pair<std::string, Value>>& records)
    : records_(records) {
  comm = &communicator;
  draws = &step_draws;
}

void TrainingStep::minimise(Optimiser& optimiser, const at::Tensor& loss) {
  const double value = loss.item<double>();
  if (!std::isfinite(value)) fail_non_finite("the loss of " + optimiser.name(), *this, value);
  std::vector<at::Tensor> inputs;
  for (const auto& parameter : optimiser.parameters()) {
    parameter.value.mutable_grad().reset();
    inputs.push_back(parameter.value);
  }
  loss._backward(inputs, /*gradient=*/{}, /*keep_graph=*/std::nullopt, /*create_graph=*/false);
  reduce_gradients(optimiser.parameters(), *comm);
  clip(optimiser, checked_norm(optimiser, *this));
  const at::NoGradGuard no_grad;
  const double rate = learning_rate(optimiser.options(), iteration, stage_iterations);
  optimiser.step(rate);
  record("lr." + optimiser.name(), rate);
}

void TrainingStep::record(std::string_view name, const at::Tensor& value) {
  records_.emplace_back(std::string(name), value.detach());
}

void TrainingStep::record(std::string_view name, double value) {
  records_.emplace_back(std::string(name), value);
}

}  // namespace semiseg
