// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/filter_independence.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace semiseg {
namespace {

constexpr double kInitialDeviation = 1e-3, kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;

at::Tensor likeness_of(const std::vector<at::Tensor>& own, const std::vector<at::Tensor>& other,
                       const std::vector<at::Tensor>& maps) {
  at::Tensor sum;
  for (size_t layer = 0; layer < own.size(); ++layer) {
    const at::Tensor predicted = at::mm(maps[layer], other[layer].detach());
    const at::Tensor cosine = at::cosine_similarity(own[layer], predicted, 1);
    const at::Tensor mean = cosine.square().mean();
    sum = sum.defined() ? sum + mean : mean;
  }
  return sum / static_cast<double>(own.size());
}

}  // namespace

IndependenceOptions IndependenceOptions::read(const Config& section) {
  IndependenceOptions o;
  section.read("coefficient_every", o.every, {1, 1e9},
               "Number of iterations between two updates of the maps that predict filters. Lower "
               "it when filters change fast.");
  section.read("coefficient_steps", o.steps, {1, 1e6},
               "Number of Adam steps of such an update. Lower it for a shorter training.");
  section.read("coefficient_lr", o.learning_rate, {0, 10}, "Learning rate of these steps.");
  return o;
}

std::vector<at::Tensor> filters_of(const Backbone& network) {
  std::vector<at::Tensor> filters;
  for (const NamedTensor& parameter : network.parameters()) {
    if (parameter.value.dim() >= 4) filters.push_back(parameter.value.flatten(1));
  }
  return filters;
}

FilterMaps::FilterMaps(const Backbone& network, std::string name)
    : FilterMaps(filters_of(network), std::move(name), /*others=*/1) {}

FilterMaps::FilterMaps(const std::vector<at::Tensor>& filters, std::string name, int64_t others)
    : name_(std::move(name)) {
  for (const at::Tensor& of_layer : filters) {
    const int64_t count = of_layer.size(0);
    maps_.push_back(at::zeros({count, others * count}, of_layer.options().requires_grad(false)));
    first_moments_.push_back(at::zeros_like(maps_.back()));
    second_moments_.push_back(at::zeros_like(maps_.back()));
  }
}

at::Tensor FilterMaps::likeness(const std::vector<at::Tensor>& own,
                                const std::vector<at::Tensor>& other) const {
  return likeness_of(own, other, maps_);
}

void FilterMaps::draw(const Step& step) {
  for (size_t layer = 0; layer < maps_.size(); ++layer) {
    const std::string draw = fmt::format("once.coefficient_init.{}.{}", name_, layer);
    maps_[layer].copy_(step.draws->normal_of(draw, maps_[layer].sizes(), kInitialDeviation));
  }
}

void FilterMaps::maximise(const std::vector<at::Tensor>& own, const std::vector<at::Tensor>& other,
                          const IndependenceOptions& options, Step& step) {
  if (updates_ == 0) draw(step);
  std::vector<at::Tensor> targets;
  for (const at::Tensor& filters : own) targets.push_back(filters.detach());
  for (int64_t i = 0; i < options.steps; ++i) {
    std::vector<at::Tensor> leaves;
    for (const at::Tensor& map : maps_)
      leaves.push_back(map.detach().clone().set_requires_grad(true));
    const auto gradients = step.gradients(-likeness_of(targets, other, leaves), leaves);
    ++updates_;
    for (size_t layer = 0; layer < maps_.size(); ++layer) update(layer, gradients[layer], options);
  }
}

// Kingma & Ba, ICLR 2015.
void FilterMaps::update(size_t layer, const at::Tensor& gradient,
                        const IndependenceOptions& options) {
  const at::NoGradGuard no_grad;
  at::Tensor &first = first_moments_[layer], &second = second_moments_[layer];
  first.lerp_(gradient, 1 - kBeta1);
  second.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
  const auto t = static_cast<double>(updates_);
  const at::Tensor denominator =
      (second.sqrt() / std::sqrt(1 - std::pow(kBeta2, t))).add_(kEpsilon);
  maps_[layer].addcdiv_(first, denominator, -options.learning_rate / (1 - std::pow(kBeta1, t)));
}

void FilterMaps::state(StateVisitor& visitor) {
  visitor.scope("coefficients/" + name_, [this](StateVisitor& v) {
    v.scalar("updates", updates_);
    for (size_t layer = 0; layer < maps_.size(); ++layer) {
      const std::string number = std::to_string(layer);
      v.tensor("map." + number, maps_[layer]);
      v.tensor("first_moment." + number, first_moments_[layer]);
      v.tensor("second_moment." + number, second_moments_[layer]);
    }
  });
}

}  // namespace semiseg
