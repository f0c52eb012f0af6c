// SPDX-License-Identifier: Apache-2.0
// Cases of kind `schedule`: weights, rates and thresholds over time, and the moving average.
#include "framework/nn/schedule.h"

#include <ATen/Functions.h>

#include <cmath>
#include <functional>

#include "framework/methods/parts/consistency.h"
#include "framework/methods/tsa/offset_table.h"
#include "framework/nn/ema.h"
#include "framework/nn/module.h"
#include "framework/nn/optimiser.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

double number(const ParityCase& c, const char* name) { return c.options.at(name); }
int64_t integer(const ParityCase& c, const char* name) { return c.options.at(name); }

double sigmoid(const ParityCase& c, int64_t t) {
  return sigmoid_rampup(static_cast<double>(t), number(c, "length"));
}

double linear(const ParityCase& c, int64_t t) {
  return linear_rampup(static_cast<double>(t), number(c, "length"));
}

double cosine(const ParityCase& c, int64_t t) {
  return cosine_rampdown(static_cast<double>(t), number(c, "length"));
}

// A step of the ramp lasts iterations_per_step; a ramp without a whole number of steps is computed
// here, because the program has none.
double consistency(const ParityCase& c, int64_t iteration) {
  const int64_t each = integer(c, "iterations_per_step");
  const double length = number(c, "length"), weight = number(c, "weight");
  const auto steps = static_cast<int64_t>(length);
  if (steps < 1 || static_cast<double>(steps) != length)
    return weight * sigmoid_rampup(static_cast<double>(iteration / each), length);
  return consistency_weight({.weight = weight, .rampup_steps = steps}, iteration, steps * each);
}

double cps_weight(const ParityCase& c, int64_t epoch) {
  return number(c, "weight") * sigmoid_rampup(static_cast<double>(epoch), number(c, "max_epochs"));
}

// in.pre and in.post say which of the two ways of counting is meant.
double poly(const ParityCase& c, int64_t t) {
  const std::string index = c.has("in.pre") ? "pre" : c.options.value("poly_index", "post");
  return learning_rate(
      {.learning_rate = number(c, "base"), .poly_power = number(c, "power"), .poly_index = index},
      t, integer(c, "max_iterations"));
}

double poly_of_epochs(const ParityCase& c, int64_t epoch) {
  return learning_rate(
      {.learning_rate = number(c, "base"), .poly_power = number(c, "power"), .poly_index = "post"},
      epoch, integer(c, "max_epochs"));
}

double step(const ParityCase& c, int64_t t) {
  return learning_rate({.learning_rate = number(c, "base"),
                        .schedule = "step",
                        .step_every = integer(c, "every"),
                        .step_factor = number(c, "factor")},
                       t, /*length=*/0);
}

double inverse(const ParityCase& c, int64_t t) {
  return number(c, "base") *
         inverse_decay(static_cast<double>(t), number(c, "gamma"), number(c, "decay"));
}

double alpha(const ParityCase& c, int64_t iteration) {
  return ema_alpha({.decay = number(c, "decay")}, iteration);
}

double tsa_lambda(const ParityCase& c, int64_t t) {
  return lambda_at({number(c, "lambda0"), true, integer(c, "max_iterations")}, t);
}

double isda_lambda(const ParityCase& c, int64_t epoch) {
  return lambda_at({number(c, "lambda0"), true, integer(c, "max_epochs")}, epoch);
}

double threshold(const ParityCase& c, int64_t t) {
  return certainty_threshold(static_cast<double>(t), number(c, "max_iterations"));
}

using Schedule = double (*)(const ParityCase&, int64_t);

const std::map<std::string, Schedule> kSchedules = {{"consistency_weight", consistency},
                                                    {"cosine_rampdown", cosine},
                                                    {"cps_weight_epoch", cps_weight},
                                                    {"ema_alpha", alpha},
                                                    {"inverse_lr", inverse},
                                                    {"isda_ratio", isda_lambda},
                                                    {"linear_rampup", linear},
                                                    {"nnunet_poly_lr", poly_of_epochs},
                                                    {"poly_lr", poly},
                                                    {"poly_lr_epoch", poly_of_epochs},
                                                    {"sigmoid_rampup", sigmoid},
                                                    {"step_lr", step},
                                                    {"tsa_lambda", tsa_lambda},
                                                    {"uncertainty_threshold", threshold}};

// The indices, whatever counts them.
at::Tensor indices_of(const ParityCase& c) {
  for (const char* name : {"in.iteration", "in.epoch", "in.step", "in.pre", "in.post"}) {
    if (c.has(name)) return c.tensor(name);
  }
  return c.tensor("in.iteration");  // the error
}

// A network of one weight.
class OneWeight : public ModuleBackbone {
 public:
  explicit OneWeight(double value)
      : ModuleBackbone(Module(Draws(1), "one", at::kFloat)),
        weight_(root_.constant_parameter("weight", {1}, value)) {}
  NetworkOutput forward(const NetworkInput& input, const Pass&) override {
    return {input.image, input.image, {}};
  }
  Classifier classifier() const override { return {weight_, {}}; }

 private:
  at::Tensor weight_;
};

void run_moving_average(const ParityCase& c, Comparison& comparison) {
  const at::Tensor students = c.tensor("in.student");
  OneWeight teacher(number(c, "start"));
  std::vector<float> values;
  for (int64_t k = 0; k < students.numel(); ++k) {
    update_teacher(teacher, OneWeight(students[k].item<double>()), {.decay = number(c, "decay")},
                   k);
    values.push_back(teacher.classifier().weight.item<float>());
  }
  comparison.compare("out.value", at::tensor(values));
}

}  // namespace

void run_schedule(const ParityCase& c, Comparison& comparison) {
  if (c.name == "ema_sequence") return run_moving_average(c, comparison);
  const Schedule schedule = known(kSchedules, "schedule", c.name);
  const at::Tensor indices = indices_of(c);
  std::vector<double> values;
  for (int64_t i = 0; i < indices.numel(); ++i)
    values.push_back(schedule(c, indices[i].item<int64_t>()));
  comparison.compare("out.value", at::tensor(values, at::kDouble));
}

}  // namespace semiseg
