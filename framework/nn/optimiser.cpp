// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/optimiser.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace {

class FusedOptimiser : public Optimiser {
 public:
  FusedOptimiser(std::string name, const std::vector<ParameterGroup>& groups,
                 const OptimiserOptions& options)
      : name_(std::move(name)), options_(options) {
    for (const ParameterGroup& group : groups) {
      parameters_.insert(parameters_.end(), group.parameters.begin(), group.parameters.end());
      groups_.push_back({parameters_.size(), group.rate_factor, group.decay_factor});
    }
  }
  const std::string& name() const override { return name_; }
  const std::vector<NamedTensor>& parameters() const override { return parameters_; }
  const OptimiserOptions& options() const override { return options_; }

 protected:
  struct Group {
    size_t end;  // one past the index of its last parameter
    double rate_factor, decay_factor;
  };

  // Indices of the group's parameters that have a gradient. The fused kernels walk raw memory:
  // gradients must be contiguous.
  std::vector<size_t> with_gradient(const Group& group) const {
    std::vector<size_t> indices;
    const size_t begin = &group == groups_.data() ? 0 : (&group - 1)->end;
    for (size_t i = begin; i < group.end; ++i) {
      if (parameters_[i].value.grad().defined()) indices.push_back(i);
    }
    return indices;
  }
  // Reading a state may create the tensor on the CPU, so it is moved to the device of the
  // parameter.
  void visit(StateVisitor& visitor, size_t i, const char* name, at::Tensor& value) const {
    visitor.tensor(parameters_[i].name + "/" + name, value);
    if (value.defined()) value = value.to(parameters_[i].value.device());
  }
  at::Tensor gradient(size_t i) const { return parameters_[i].value.grad().contiguous(); }

  std::string name_;
  std::vector<NamedTensor> parameters_;
  std::vector<Group> groups_;
  OptimiserOptions options_;
};

// v ← momentum v + g + wd θ (first v = g + wd θ), θ ← θ - rate v; Nesterov: θ ← θ - rate (g + wd θ
// + momentum v).
class Sgd : public FusedOptimiser {
 public:
  Sgd(std::string name, const std::vector<ParameterGroup>& groups, const OptimiserOptions& options)
      : FusedOptimiser(std::move(name), groups, options), velocity_(parameters_.size()) {}

  void step(double learning_rate) override {
    const at::NoGradGuard no_grad;
    for (const Group& group : groups_) {
      std::vector<size_t> first, later;
      for (const size_t i : with_gradient(group))
        (velocity_[i].defined() ? later : first).push_back(i);
      if (options_.momentum != 0) {
        for (const size_t i : first) velocity_[i] = at::empty_like(parameters_[i].value);
      }
      update(group, first, /*is_first_step=*/true, learning_rate);
      update(group, later, /*is_first_step=*/false, learning_rate);
    }
  }

  void state(StateVisitor& visitor) override {
    visitor.scope("optimiser/" + name_, [this](StateVisitor& v) {
      for (size_t i = 0; i < parameters_.size(); ++i) visit(v, i, "momentum", velocity_[i]);
    });
  }

 private:
  void update(const Group& group, const std::vector<size_t>& indices, bool is_first_step,
              double learning_rate) {
    if (indices.empty()) return;
    std::vector<at::Tensor> parameters, gradients, velocities;
    for (const size_t i : indices) {
      parameters.push_back(parameters_[i].value);
      gradients.push_back(gradient(i));
      if (options_.momentum != 0) velocities.push_back(velocity_[i]);
    }
    at::_fused_sgd_(parameters, gradients, velocities, options_.weight_decay * group.decay_factor,
                    options_.momentum, learning_rate * group.rate_factor,
                    /*dampening=*/0, options_.nesterov, /*maximize=*/false, is_first_step);
  }

  std::vector<at::Tensor>
      velocity_;  // undefined until a parameter's first gradient, and without momentum
};

// Kingma & Ba, ICLR 2015; AdamW: Loshchilov & Hutter, ICLR 2019. ε = 1e-8.
class Adam : public FusedOptimiser {
 public:
  Adam(std::string name, const std::vector<ParameterGroup>& groups, const OptimiserOptions& options)
      : FusedOptimiser(std::move(name), groups, options), moments_(parameters_.size()) {}

  void step(double learning_rate) override {
    const at::NoGradGuard no_grad;
    for (const Group& group : groups_) update(group, learning_rate);
  }

  void state(StateVisitor& visitor) override {
    visitor.scope("optimiser/" + name_, [this](StateVisitor& v) {
      for (size_t i = 0; i < parameters_.size(); ++i) {
        visit(v, i, "first_moment", moments_[i].first);
        visit(v, i, "second_moment", moments_[i].second);
        visit(v, i, "steps", moments_[i].steps);
      }
    });
  }

 private:
  void update(const Group& group, double learning_rate) {
    const std::vector<size_t> indices = with_gradient(group);
    if (indices.empty()) return;
    std::vector<at::Tensor> parameters, gradients, first, second, steps;
    for (const size_t i : indices) {
      Moments& moments = moments_[i];
      if (!moments.first.defined()) moments = zero_moments(parameters_[i].value);
      parameters.push_back(parameters_[i].value);
      gradients.push_back(gradient(i));
      first.push_back(moments.first);
      second.push_back(moments.second);
      steps.push_back(moments.steps.add_(1));
    }
    OptimiserOptions options = options_;
    options.weight_decay *= group.decay_factor;
    const auto fused = options.kind == "adam" ? fused_adam : fused_adamw;
    fused(parameters, gradients, first, second, steps, learning_rate * group.rate_factor, options);
  }

  struct Moments {
    at::Tensor first, second, steps;  // undefined until a parameter's first gradient
  };
  using Tensors = std::vector<at::Tensor>;

  static Moments zero_moments(const at::Tensor& parameter) {
    return {at::zeros_like(parameter), at::zeros_like(parameter),
            at::zeros({}, parameter.options().dtype(at::kFloat))};
  }

  static void fused_adam(const Tensors& parameters, const Tensors& gradients, const Tensors& first,
                         const Tensors& second, const Tensors& steps, double rate,
                         const OptimiserOptions& o) {
    at::_fused_adam_(parameters, gradients, first, second, {}, steps, rate, o.betas[0], o.betas[1],
                     o.weight_decay, kEpsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
  static void fused_adamw(const Tensors& parameters, const Tensors& gradients, const Tensors& first,
                          const Tensors& second, const Tensors& steps, double rate,
                          const OptimiserOptions& o) {
    at::_fused_adamw_(parameters, gradients, first, second, {}, steps, rate, o.betas[0], o.betas[1],
                      o.weight_decay, kEpsilon, /*amsgrad=*/false, /*maximize=*/false);
  }

  static constexpr double kEpsilon = 1e-8;
  std::vector<Moments> moments_;
};

}  // namespace

OptimiserOptions OptimiserOptions::read(const Config& section, OptimiserOptions defaults) {
  OptimiserOptions o = std::move(defaults);
  section.read("kind", o.kind, {"sgd", "adam", "adamw"},
               "Algorithm: SGD with momentum, Adam, or Adam with decoupled weight decay (adamw). "
               "The published protocols of these methods use sgd.");
  section.read("learning_rate", o.learning_rate, {0, 1000},
               "Learning rate before the schedule. Scale it when the batch size changes; lower it "
               "when the loss diverges.");
  section.read("momentum", o.momentum, {0, 1}, "Share of the velocity that a step keeps; for sgd.");
  section.read(
      "nesterov", o.nesterov,
      "Uses Nesterov momentum; for sgd. Switch it on for protocols in the manner of nnU-Net.");
  section.read("betas", o.betas, {0, 1},
               "Decay rates of the first and second moment; for adam and adamw. Lower the second "
               "when gradients change quickly.");
  section.read("weight_decay", o.weight_decay, {0, 1000},
               "Factor of the L2 penalty; decoupled from the gradient for adamw. Raise it when the "
               "network overfits few labelled patients.");
  section.read("schedule", o.schedule, {"constant", "poly", "step"},
               "Course of the learning rate over a stage: constant, poly: base · (1 − "
               "t/T)^poly_power, or step: base · step_factor^(t div step_every).");
  section.read("poly_power", o.poly_power, {0, 100},
               "Exponent of the schedule poly. 1 is a straight line to zero.");
  section.read("poly_index", o.poly_index, {"pre", "post", "next"},
               "Iteration of the schedule poly that sets the rate of an update: the one before "
               "(pre, as in SSL4MIS, where the first two rates are equal), the same (post) or the "
               "one behind (next). Change it only to repeat a reference.");
  section.read("poly_horizon", o.poly_horizon, {0, 1e9},
               "Length T of the schedule poly in iterations; 0: that of the stage. Set it to "
               "repeat a reference that decays over another length than it trains.");
  section.read("step_every", o.step_every, {1, 1e9},
               "Number of updates between two cuts of the schedule step.");
  section.read("step_factor", o.step_factor, {0, 1}, "Factor of each cut of the schedule step.");
  section.read("clip_norm", o.clip_norm, {0, 1e9},
               "Largest L2 norm of the whole gradient; 0: no limit. Set it when single steps make "
               "the loss jump.");
  if (o.betas.size() != 2 || o.betas[0] >= 1 || o.betas[1] >= 1) {
    section.fail("betas", "these are not the decays of two moments", "two numbers in [0, 1)",
                 "e.g. [0.9, 0.999]");
  }
  if (o.nesterov && o.momentum == 0)
    section.fail("nesterov", "Nesterov without momentum", "momentum > 0");
  return o;
}

double learning_rate(const OptimiserOptions& options, int64_t t, int64_t length) {
  if (options.schedule == "step") {
    return options.learning_rate *
           std::pow(options.step_factor, static_cast<double>(t / options.step_every));
  }
  if (options.schedule != "poly" || length <= 0) return options.learning_rate;
  const int64_t whole = options.poly_horizon > 0 ? options.poly_horizon : length,
                shift = options.poly_index == "pre"    ? -1
                        : options.poly_index == "next" ? 1
                                                       : 0;
  const int64_t index = std::clamp<int64_t>(t + shift, 0, whole);
  return options.learning_rate *
         std::pow(1 - static_cast<double>(index) / static_cast<double>(whole), options.poly_power);
}

std::unique_ptr<Optimiser> make_optimiser(std::string name, std::vector<ParameterGroup> groups,
                                          const OptimiserOptions& options) {
  if (options.kind == "sgd") return std::make_unique<Sgd>(std::move(name), groups, options);
  SEMISEG_CHECK(options.kind == "adam" || options.kind == "adamw",
                "no optimiser is called " + options.kind);
  return std::make_unique<Adam>(std::move(name), groups, options);
}

std::unique_ptr<Optimiser> make_optimiser(std::string name, std::vector<NamedTensor> parameters,
                                          const OptimiserOptions& options) {
  std::vector<ParameterGroup> groups;
  groups.push_back({.parameters = std::move(parameters)});
  return make_optimiser(std::move(name), std::move(groups), options);
}

}  // namespace semiseg
