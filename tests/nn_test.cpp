// SPDX-License-Identifier: Apache-2.0
// What moves weights (schedules, optimisers, moving average), and the largest component.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/methods/consistency.h"
#include "framework/nn/ema.h"
#include "framework/nn/largest_component.h"
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

at::Tensor leaf(std::vector<double> values) {
  return at::tensor(values, at::kDouble).set_requires_grad(true);
}

void set_gradient(const at::Tensor& parameter, std::vector<double> values) {
  parameter.mutable_grad() = at::tensor(values, at::kDouble);
}

// θ = 1, g = 0.5, wd = 0.1, momentum 0.9, rate 0.2:
//   v = 0.6, θ = 0.88;  then g = -1: v = 0.9·0.6 - 1 + 0.088 = -0.372, θ = 0.9544
TEST(Sgd, TakesTwoHandComputedSteps) {
  const at::Tensor w = leaf({1});
  const auto sgd = make_optimiser("n", {{"w", w}}, {.momentum = 0.9, .weight_decay = 0.1});
  set_gradient(w, {0.5});
  sgd->step(0.2);
  EXPECT_NEAR(w.item<double>(), 0.88, 1e-15);
  set_gradient(w, {-1});
  sgd->step(0.2);
  EXPECT_NEAR(w.item<double>(), 0.9544, 1e-15);
}

// The same with Nesterov: step 1 moves by 0.6 + 0.9·0.6 = 1.14, θ = 0.772.
TEST(Sgd, LooksAheadWithNesterov) {
  const at::Tensor w = leaf({1});
  const auto sgd =
      make_optimiser("n", {{"w", w}}, {.momentum = 0.9, .nesterov = true, .weight_decay = 0.1});
  set_gradient(w, {0.5});
  sgd->step(0.2);
  EXPECT_NEAR(w.item<double>(), 0.772, 1e-15);
}

TEST(Sgd, WithoutMomentumKeepsNothing) {
  const at::Tensor w = leaf({1});
  const auto sgd = make_optimiser("n", {{"w", w}}, {.momentum = 0, .weight_decay = 0});
  set_gradient(w, {0.5});
  sgd->step(0.2);
  EXPECT_NEAR(w.item<double>(), 0.9, 1e-15);
  EXPECT_TRUE(take_state([&](StateVisitor& v) { sgd->state(v); }).empty());
}

TEST(Sgd, LeavesAParameterWithoutGradientAloneAndStartsItLater) {
  const at::Tensor a = leaf({1}), b = leaf({1});
  const auto sgd =
      make_optimiser("n", {{"a", a}, {"b", b}}, {.momentum = 0.9, .weight_decay = 0.1});
  set_gradient(a, {0.5});
  sgd->step(0.2);
  EXPECT_EQ(b.item<double>(), 1);
  set_gradient(a, {-1});
  set_gradient(b, {0.5});
  sgd->step(0.2);
  EXPECT_NEAR(a.item<double>(), 0.9544, 1e-15);
  EXPECT_NEAR(b.item<double>(), 0.88, 1e-15);
}

TEST(Sgd, TakesGradientsInAnotherLayout) {
  const at::Tensor w = at::zeros({2, 2}, at::kDouble).set_requires_grad(true);
  const auto sgd = make_optimiser("n", {{"w", w}}, {.weight_decay = 0});
  w.mutable_grad() = at::tensor({1.0, 2.0, 3.0, 4.0}, at::kDouble).view({2, 2}).t();
  sgd->step(1);
  EXPECT_TRUE(
      at::equal(w.detach().t(), at::tensor({-1.0, -2.0, -3.0, -4.0}, at::kDouble).view({2, 2})));
}

// PyTorch's formulas, element by element.
struct AdamOracle {
  double w, m = 0, v = 0;
  void step(double g, double rate, int t, double decay, bool is_decoupled) {
    if (is_decoupled) {
      w -= rate * decay * w;
    } else {
      g += decay * w;
    }
    m = 0.9 * m + 0.1 * g;
    v = 0.99 * v + 0.01 * g * g;
    w -= rate / (1 - std::pow(0.9, t)) * m /
         (std::sqrt(v) / std::sqrt(1 - std::pow(0.99, t)) + 1e-8);
  }
};

TEST(Adam, FollowsTheFormulasWithCoupledAndDecoupledDecay) {
  for (const std::string kind : {"adam", "adamw"}) {
    const std::vector<double> start = {1, -2, 0.5};
    const at::Tensor w = leaf(start);
    const auto adam =
        make_optimiser("n", {{"w", w}}, {.kind = kind, .betas = {0.9, 0.99}, .weight_decay = 0.1});
    std::vector<AdamOracle> oracle = {{1}, {-2}, {0.5}};
    for (int t = 1; t <= 5; ++t) {
      const std::vector<double> g = {0.3 * t, -1.0 / t, 0.1 - 0.05 * t};
      set_gradient(w, g);
      adam->step(0.05);
      for (size_t i = 0; i < 3; ++i) {
        oracle[i].step(g[i], 0.05, t, 0.1, kind == "adamw");
        EXPECT_NEAR(w[static_cast<int64_t>(i)].item<double>(), oracle[i].w, 1e-13)
            << kind << " step " << t;
      }
    }
  }
}

TEST(Optimiser, GoesOnFromItsStateBitForBit) {
  for (const std::string kind : {"sgd", "adam", "adamw"}) {
    const auto run = [&](bool is_interrupted) {
      const at::Tensor w = leaf({1, 2, 3});
      auto optimiser = make_optimiser("n", {{"w", w}}, {.kind = kind});
      for (int t = 0; t < 4; ++t) {
        if (is_interrupted && t == 2) {
          const StateMap state = take_state([&](StateVisitor& v) { optimiser->state(v); });
          optimiser = make_optimiser("n", {{"w", w}}, {.kind = kind});
          put_state([&](StateVisitor& v) { optimiser->state(v); }, state);
        }
        set_gradient(w, {0.1 * t, -0.2, 0.3});
        optimiser->step(0.1);
      }
      return w.detach();
    };
    EXPECT_TRUE(at::equal(run(false), run(true))) << kind;
  }
}

TEST(OptimiserOptions, RefusesThreeBetas) {
  EXPECT_THROW(OptimiserOptions::read(parse_config("betas = [0.9, 0.99, 0.999]"), {}), Error);
}

at::Tensor component_of(const ParityCase& c) {
  const at::Tensor label = c.tensor("in.labels");
  const int64_t connectivity = c.options["connectivity"];
  if (c.options["variant"] == "bcp_acdc") return largest_component(label, connectivity);
  return largest_component(label.unsqueeze(0), connectivity).squeeze(0);
}

TEST(LargestComponent, IsTheReferences) {
  const auto cases = load_cases("inference", "largest_component-bcp");
  EXPECT_EQ(cases.size(), 16u);
  for (const auto& c : cases) EXPECT_TRUE(compare(c, "out.labels", component_of(c))) << c.file;
}

TEST(LargestComponent, ConnectsDiagonallyAndKeepsTheFirstOfEqualOnes) {
  const at::Tensor label = at::tensor({1, 0, 2, 2,  //
                                       0, 1, 0, 0,  //
                                       2, 0, 0, 1,  //
                                       2, 0, 1, 0},
                                      at::kLong)
                               .view({1, 4, 4});
  const at::Tensor expected = at::tensor({1, 0, 2, 2,  //
                                          0, 1, 0, 0,  //
                                          0, 0, 0, 0,  //
                                          0, 0, 0, 0},
                                         at::kLong)
                                  .view({1, 4, 4});
  EXPECT_TRUE(at::equal(largest_component(label), expected));
}

TEST(LargestComponent, JoinsArmsThatMeetLate) {
  const at::Tensor label = at::tensor({1, 0, 1, 0, 1,  //
                                       1, 0, 1, 0, 0,  //
                                       1, 1, 1, 0, 1},
                                      at::kByte)
                               .view({1, 3, 5});
  at::Tensor expected = label.clone();
  expected.select(2, 4).zero_();
  EXPECT_TRUE(at::equal(largest_component(label), expected));
}

TEST(LargestComponent, LeavesAnEmptyMapAndAnEmptyBatch) {
  EXPECT_TRUE(at::equal(largest_component(at::zeros({2, 3, 3}, at::kLong)),
                        at::zeros({2, 3, 3}, at::kLong)));
  EXPECT_EQ(largest_component(at::zeros({0, 3, 3}, at::kLong)).size(0), 0);
}

}  // namespace
}  // namespace semiseg
