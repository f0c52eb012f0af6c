// SPDX-License-Identifier: Apache-2.0
#include "framework/train/training_step.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>

#include "framework/core/error.h"
#include "framework/core/profile.h"

namespace semiseg {
namespace {

[[noreturn]] void fail_non_finite(const std::string& what, const Step& step, double value) {
  throw Error(
      ErrorKind::kNumeric,
      {.what = what + " is not finite",
       .where = fmt::format("stage {}, iteration {}", step.stage, step.iteration),
       .got = fmt::format("{}", value),
       .fix = "lower protocol.optimiser.learning_rate or set protocol.optimiser.clip_norm; a "
              "checkpoint of an earlier iteration is good"});
}

// A scale above 1 may be what makes float16 overflow: as with a gradient that is not finite, it is
// lowered and the update skipped.
void check_finite(const Optimiser& optimiser, const at::Tensor& loss, const Step& step,
                  const GradientScaler& scaler) {
  if (scaler.scale() > 1) return;
  const double value = loss.item<double>();
  if (!std::isfinite(value)) fail_non_finite("the loss of " + optimiser.name(), step, value);
}

std::vector<at::Tensor> gradients_of(const Optimiser& optimiser) {
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : optimiser.parameters()) {
    if (parameter.value.grad().defined()) gradients.push_back(parameter.value.grad());
  }
  return gradients;
}

double norm_of(const std::vector<at::Tensor>& gradients) {
  if (gradients.empty()) return 0;
  return at::stack(at::_foreach_norm(gradients)).to(at::kDouble).norm().item<double>();
}

// Throws kNumeric naming the first parameter whose gradient is not finite.
void check_norm(double norm, const Optimiser& optimiser, const Step& step) {
  if (std::isfinite(norm)) return;
  for (const auto& parameter : optimiser.parameters()) {
    const at::Tensor& gradient = parameter.value.grad();
    if (gradient.defined() && !at::isfinite(gradient).all().item<bool>()) {
      fail_non_finite(fmt::format("the gradient of {}/{}", optimiser.name(), parameter.name), step,
                      norm);
    }
  }
  fail_non_finite("the gradient norm of " + optimiser.name(), step, norm);
}

void clip(std::vector<at::Tensor>& gradients, double norm, double limit) {
  if (limit <= 0 || norm <= limit) return;
  at::_foreach_mul_(gradients, limit / norm);
}

}  // namespace

TrainingStep::TrainingStep(const Communicator& communicator, const Draws& step_draws,
                           GradientReduction& reduction, GradientScaler& scaler,
                           std::vector<std::pair<std::string, Value>>& records)
    : reduction_(reduction), scaler_(scaler), records_(records) {
  comm = &communicator;
  draws = &step_draws;
}

void TrainingStep::backward(const Optimiser& optimiser, const at::Tensor& loss) const {
  std::vector<at::Tensor> inputs;
  for (const auto& parameter : optimiser.parameters()) {
    if (!accumulating_.contains(&optimiser)) parameter.value.mutable_grad().reset();
    inputs.push_back(parameter.value);
  }
  // On several ranks, this one's share may hold nothing that the loss depends on.
  if (comm->size() > 1 && !loss.requires_grad()) return;
  const profile::Span span("backward");
  loss._backward(inputs, at::full_like(loss, scaler_.scale()), /*keep_graph=*/std::nullopt,
                 /*create_graph=*/false);
}

void TrainingStep::accumulate(Optimiser& optimiser, const at::Tensor& loss) {
  check_finite(optimiser, loss, *this, scaler_);
  backward(optimiser, loss);
  accumulating_.insert(&optimiser);
}

void TrainingStep::minimise(Optimiser& optimiser, const at::Tensor& loss) {
  check_finite(optimiser, loss, *this, scaler_);
  const bool begins_stage = iteration == 0;
  reduction_.run(
      optimiser, [&] { backward(optimiser, loss); }, begins_stage);
  accumulating_.erase(&optimiser);
  const at::NoGradGuard no_grad;
  const double rate = learning_rate(optimiser.options(), iteration, stage_iterations);
  const profile::Span span("optimiser");
  if (prepare_gradients(optimiser)) optimiser.step(rate);
  record("lr." + optimiser.name(), rate);
}

std::vector<at::Tensor> TrainingStep::gradients(const at::Tensor& loss,
                                                const std::vector<at::Tensor>& inputs) {
  for (const at::Tensor& input : inputs) {
    SEMISEG_CHECK(input.is_leaf() && input.requires_grad(),
                  "gradients() is asked for leaves that require gradients");
    input.mutable_grad().reset();
  }
  // A rank without samples has a loss that depends on none of its inputs.
  if (loss.requires_grad())
    loss._backward(inputs, at::ones_like(loss), /*keep_graph=*/true, /*create_graph=*/false);
  std::vector<at::Tensor> found;
  for (const at::Tensor& input : inputs) {
    found.push_back(input.grad().defined() ? input.grad() : at::zeros_like(input));
    input.mutable_grad().reset();
  }
  return found;
}

bool TrainingStep::prepare_gradients(const Optimiser& optimiser) {
  std::vector<at::Tensor> gradients = gradients_of(optimiser);
  if (scaler_.is_on()) {
    record("loss_scale." + optimiser.name(), scaler_.scale());
    if (!gradients.empty()) at::_foreach_mul_(gradients, 1 / scaler_.scale());
  }
  const double norm = norm_of(gradients);
  if (!scaler_.accept(std::isfinite(norm))) return false;
  check_norm(norm, optimiser, *this);
  clip(gradients, norm, optimiser.options().clip_norm);
  return true;
}

void TrainingStep::record(std::string_view name, const at::Tensor& value) {
  records_.emplace_back(std::string(name), value.detach());
}

void TrainingStep::record(std::string_view name, double value) {
  records_.emplace_back(std::string(name), value);
}

}  // namespace semiseg
