// SPDX-License-Identifier: Apache-2.0
// An optimiser over the parameters of one network (or several). Methods own their optimisers and
// pass them to Step::minimise.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/state.h"
#include "framework/nn/backbone.h"

namespace semiseg {

struct OptimiserOptions {
  std::string kind = "sgd";  // sgd, adam, adamw
  double learning_rate = 0.01;
  double momentum = 0.9;                     // sgd
  bool nesterov = false;                     // sgd
  std::vector<double> betas = {0.9, 0.999};  // adam, adamw
  double weight_decay = 1e-4;
  std::string schedule =
      "poly";  // constant, poly: base (1 - t/T)^power, step: base · factor^(t div every)
  double poly_power = 0.9;
  std::string poly_index =
      "pre";  // pre: the rate of update t is set by t - 1 (SSL4MIS: first two alike); post: by t;
              // next: by t + 1
  int64_t poly_horizon = 0;  // T where it is not the stage's length; 0: it is
  int64_t step_every = 2500;
  double step_factor = 0.1;
  double clip_norm = 0;  // global gradient norm; 0: off

  static OptimiserOptions read(const Config& section, OptimiserOptions defaults);
};

// Returns the rate of update `t` (counted from 0 in this stage) of `length`. Pure.
double learning_rate(const OptimiserOptions& options, int64_t t, int64_t length);

class Optimiser {
 public:
  virtual ~Optimiser() = default;
  virtual const std::string& name() const = 0;  // name of the network: "student"
  virtual const std::vector<NamedTensor>& parameters() const = 0;
  virtual const OptimiserOptions& options() const = 0;
  // Makes one update from the parameters' gradients; a parameter without a gradient stays.
  virtual void step(double learning_rate) = 0;
  // Visits moments and counters under "optimiser/<name>/…".
  virtual void state(StateVisitor& visitor) = 0;
};

// Parameters that learn at a multiple of the scheduled rate (a new head behind a trained network)
// or decay by another share.
struct ParameterGroup {
  std::vector<NamedTensor> parameters;
  double rate_factor = 1, decay_factor = 1;
};

std::unique_ptr<Optimiser> make_optimiser(std::string name, std::vector<ParameterGroup> groups,
                                          const OptimiserOptions& options);
// Makes an optimiser with one group at the scheduled rate.
std::unique_ptr<Optimiser> make_optimiser(std::string name, std::vector<NamedTensor> parameters,
                                          const OptimiserOptions& options);

}  // namespace semiseg
