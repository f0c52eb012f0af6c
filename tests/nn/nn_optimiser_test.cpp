// SPDX-License-Identifier: Apache-2.0
// Updates by hand and by formula, and their state.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/nn/optimiser.h"

namespace semiseg {
namespace {

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

}  // namespace
}  // namespace semiseg
