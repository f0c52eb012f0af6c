// SPDX-License-Identifier: Apache-2.0
// Schedules and the moving average.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/methods/consistency.h"
#include "framework/nn/ema.h"
#include "framework/nn/layers.h"
#include "framework/nn/optimiser.h"
#include "framework/nn/schedule.h"
#include "tests/parity.h"

namespace semiseg {
namespace {

// Every value of a schedule case as a function of its index.
void expect_schedule(const std::string& prefix, const std::string& index, size_t cases,
                     const std::function<double(const ParityCase&, int64_t)>& value) {
  const auto found = load_cases("schedule", prefix);
  EXPECT_EQ(found.size(), cases);
  for (const auto& c : found) {
    const at::Tensor indices = c.tensor(index);
    std::vector<double> values;
    for (int64_t i = 0; i < indices.numel(); ++i)
      values.push_back(value(c, indices[i].item<int64_t>()));
    EXPECT_TRUE(compare(c, "out.value", at::tensor(values, at::kDouble))) << c.file;
  }
}

TEST(Schedule, SigmoidRampupIsTheReferences) {
  expect_schedule("sigmoid_rampup-", "in.step", 4, [](const ParityCase& c, int64_t step) {
    return sigmoid_rampup(static_cast<double>(step), c.options["length"]);
  });
}

TEST(Schedule, ConsistencyWeightIsTheReferences) {
  expect_schedule(
      "consistency_weight-", "in.iteration", 8, [](const ParityCase& c, int64_t iteration) {
        // rampup_steps = length, so that a step of the ramp lasts iterations_per_step
        const int64_t steps = std::max<int64_t>(1, c.options["length"].get<int64_t>());
        return consistency_weight({.weight = c.options["weight"], .rampup_steps = steps}, iteration,
                                  steps * c.options["iterations_per_step"].get<int64_t>());
      });
}

TEST(Schedule, PolyRateIsTheReferencesBeforeAndAfterTheIncrement) {
  for (const std::string index : {"pre", "post"}) {
    expect_schedule("poly_lr-" + index + "-", "in." + index, 3,
                    [&](const ParityCase& c, int64_t t) {
                      return learning_rate({.learning_rate = c.options["base"],
                                            .poly_power = c.options["power"],
                                            .poly_index = index},
                                           t, c.options["max_iterations"]);
                    });
  }
}

TEST(Schedule, StepRateIsTheReferences) {
  expect_schedule("step_lr-", "in.iteration", 2, [](const ParityCase& c, int64_t t) {
    return learning_rate({.learning_rate = c.options["base"],
                          .schedule = "step",
                          .step_every = c.options["every"],
                          .step_factor = c.options["factor"]},
                         t, 30000);
  });
}

TEST(Schedule, ConstantRateStaysAndPolyEndsAtZero) {
  EXPECT_EQ(learning_rate({.learning_rate = 0.3, .schedule = "constant"}, 99, 100), 0.3);
  EXPECT_EQ(learning_rate({.poly_index = "post"}, 100, 100), 0);
}

// The smallest network: one linear layer and one norm.
class TinyNet : public ModuleBackbone {
 public:
  explicit TinyNet(at::ScalarType dtype = at::kFloat)
      : ModuleBackbone(Module(Draws(1), "tiny", dtype)),
        conv_(root_.child("conv"), {.in = 1, .out = 2, .kernel = {1, 1}}),
        norm_(root_.child("norm"), 2) {}
  NetworkOutput forward(const at::Tensor& image, const Pass& pass) override {
    return {norm_(conv_(image), pass), image, {}};
  }
  Classifier classifier() const override { return {conv_.weight(), conv_.bias()}; }
  void fill(double value) {
    for (const auto& item : parameters()) item.value.detach().fill_(value);
    for (const auto& item : buffers()) item.value.fill_(value);
  }

 private:
  Conv conv_;
  BatchNorm norm_;
};

TEST(Ema, AlphaIsTheReferences) {
  expect_schedule("ema_alpha-", "in.iteration", 2, [](const ParityCase& c, int64_t k) {
    return ema_alpha({.decay = c.options["decay"]}, k);
  });
}

TEST(Ema, TeacherFollowsTheReferencesSequence) {
  const ParityCase c = load_case("schedule/ema_sequence-0.99-120.safetensors");
  TinyNet teacher, student;
  teacher.fill(c.options["start"]);
  const at::Tensor weights = c.tensor("in.student");
  std::vector<float> values;
  for (int64_t k = 0; k < weights.numel(); ++k) {
    student.fill(weights[k].item<double>());
    update_teacher(teacher, student, {.decay = c.options["decay"]}, k);
    values.push_back(teacher.parameters()[0].value.flatten()[0].item<float>());
  }
  EXPECT_TRUE(compare(c, "out.value", at::tensor(values)));
}

TEST(Ema, BuffersStayAreAveragedOrAreCopied) {
  const std::pair<const char*, double> expected[] = {
      {"none", 4}, {"average", 0.75 * 4 + 0.25 * 10}, {"copy", 10}};
  for (const auto& [buffers, value] : expected) {
    TinyNet teacher, student;
    teacher.fill(4);
    student.fill(10);
    update_teacher(teacher, student, {.decay = 0.75, .warmup = false, .buffers = buffers}, 0);
    EXPECT_FLOAT_EQ(teacher.parameters()[1].value[0].item<float>(), 5.5F);
    EXPECT_FLOAT_EQ(teacher.buffers()[0].value[0].item<float>(), static_cast<float>(value))
        << buffers;
    EXPECT_EQ(teacher.buffers()[2].value.item<int64_t>(), static_cast<int64_t>(value))
        << buffers;  // 5.5 is cut to 5
  }
}

TEST(Ema, ReadsItsKeysFromTheMethodsSection) {
  const Config section = parse_config("ema_decay = 0.9\nema_buffers = \"copy\"");
  const EmaOptions options = EmaOptions::read(section, {.warmup = false});
  EXPECT_EQ(options.decay, 0.9);
  EXPECT_FALSE(options.warmup);
  EXPECT_EQ(options.buffers, "copy");
}

}  // namespace
}  // namespace semiseg
