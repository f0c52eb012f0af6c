// SPDX-License-Identifier: Apache-2.0
// The learned augmentation policy of FixMatch: its draws, its rates and its operations by hand.
#include "framework/methods/parts/policy/learned_policy.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "framework/methods/parts/policy/grey_operations.h"

namespace semiseg {
namespace {

StateMap state_of(LearnedPolicy& policy) {
  return take_state([&](StateVisitor& v) { policy.state(v); });
}

TEST(LearnedPolicy, EveryOperationAndLevelIsDrawnWhileRatesAreEven) {
  LearnedPolicy policy({{4}, {}, {2, 3}}, "test", {});
  std::map<int64_t, int> operations;
  std::set<int64_t> bins;
  for (int i = 0; i < 300; ++i) {
    policy.draw(Draws(1).at(0, i));
    ASSERT_EQ(policy.policy().size(), 2u);
    for (const PolicyStep& step : policy.policy()) {
      ++operations[step.operation];
      EXPECT_EQ(step.levels.size(),
                (std::vector<size_t>{1, 0, 2}[static_cast<size_t>(step.operation)]));
      for (const double level : step.levels) EXPECT_TRUE(level >= 0 && level < 1) << level;
      if (step.operation == 0) bins.insert(static_cast<int64_t>(step.levels[0] * 4));
    }
  }
  for (int64_t o = 0; o < 3; ++o) EXPECT_NEAR(operations[o], 200, 60) << o;
  EXPECT_EQ(bins, (std::set<int64_t>{0, 1, 2, 3}));
}

// After many epochs of a bad loss a bin is below the threshold and not drawn any more.
TEST(LearnedPolicy, BinsOfBadPredictionsAreLeftOut) {
  LearnedPolicy policy({{2}}, "test", {.depth = 1, .threshold = 0.85, .decay = 0.5});
  std::set<int64_t> late;
  for (int i = 0; i < 60; ++i) {
    policy.draw(Draws(1).at(0, i));
    const bool is_upper = policy.policy()[0].levels[0] >= 0.5;
    policy.update(is_upper ? 0 : 1);
    if (i >= 20) late.insert(is_upper ? 1 : 0);
  }
  EXPECT_EQ(late, (std::set<int64_t>{0}));
}

TEST(LearnedPolicy, ARateMovesByItsDecay) {
  LearnedPolicy policy({{2}}, "test", {.depth = 1, .threshold = 0.85, .decay = 0.75});
  policy.draw(Draws(1).at(0, 0));
  const int64_t bin = policy.policy()[0].levels[0] >= 0.5 ? 1 : 0;
  policy.update(0.2);
  const at::Tensor rates = std::get<at::Tensor>(state_of(policy).at("policy/test/rates.0"));
  EXPECT_NEAR(rates[bin].item<double>(), 0.75 + 0.25 * 0.2, 1e-12);
  EXPECT_EQ(rates[1 - bin].item<double>(), 1);
}

TEST(LearnedPolicy, AStateGivesThePolicyBack) {
  LearnedPolicy policy(strong_bins(), "test", {}), other(strong_bins(), "test", {});
  EXPECT_TRUE(other.policy().empty());
  policy.draw(Draws(1).at(0, 3));
  put_state([&](StateVisitor& v) { other.state(v); }, state_of(policy));
  ASSERT_EQ(other.policy().size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(other.policy()[i].operation, policy.policy()[i].operation);
    EXPECT_EQ(other.policy()[i].levels, policy.policy()[i].levels);
  }
}

at::Tensor greys(const std::vector<double>& values, int64_t height, int64_t width) {
  return at::tensor(values, at::kDouble).view({1, 1, height, width}) / 255;
}

void expect_greys(const at::Tensor& image, const std::vector<double>& expected) {
  const at::Tensor got = (image * 255).flatten();
  EXPECT_TRUE(at::allclose(got, at::tensor(expected, at::kDouble), 1e-9, 1e-6)) << got;
}

TEST(StrongOperations, AreThoseOfPillow) {
  const at::Tensor x = greys({10, 20, 60, 110}, 2, 2);
  expect_greys(apply_strong({{0, {1.0}}}, x), {0, 25, 127, 255});     // autocontrast
  expect_greys(apply_strong({{2, {0.0}}}, x), {1, 2, 6, 11});         // brightness 0.1
  expect_greys(apply_strong({{3, {0.0}}}, x), {10, 20, 60, 110});     // colour
  expect_greys(apply_strong({{4, {0.0}}}, x), {46, 47, 51, 56});      // contrast 0.1 about 50
  expect_greys(apply_strong({{6, {1.0}}}, x), {245, 235, 195, 145});  // invert
  expect_greys(apply_strong({{6, {0.5}}}, x), {127, 127, 127, 127});  // half of it
  expect_greys(apply_strong({{7, {0.0}}}, x), {0, 0, 0, 0});          // one bit
  expect_greys(apply_strong({{7, {0.3}}}, x), {0, 0, 32, 96});        // three bits
  expect_greys(apply_strong({{10, {0.2}}}, x), {10, 20, 195, 145});   // solarise from 51
  expect_greys(apply_strong({}, greys({10.7, -3, 300, 5}, 2, 2)), {10, 0, 255, 5});
}

TEST(StrongOperations, FiltersLeaveTheEdgeAndWeighTheirNeighbours) {
  std::vector<double> values(25, 0);
  values[12] = 130;
  const at::Tensor x = greys(values, 5, 5);
  const at::Tensor smooth = (apply_strong({{9, {1.0}}}, x) * 255).view({5, 5});
  EXPECT_NEAR(smooth[2][2].item<double>(), 50, 1e-6);
  EXPECT_NEAR(smooth[1][2].item<double>(), 10, 1e-6);
  EXPECT_EQ(smooth[0].sum().item<double>(), 0);
  const at::Tensor blur = (apply_strong({{1, {1.0}}}, x) * 255).view({5, 5});
  EXPECT_EQ(blur[2][2].item<double>(), 0);
}

TEST(StrongOperations, EqualiseSpreadsTheGreys) {
  std::vector<double> values(1024);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i % 4 == 0 ? 20 : 21;
  const at::Tensor y = (apply_strong({{5, {1.0}}}, greys(values, 32, 32)) * 255).flatten();
  // step = 256 / 255 = 1: 0 for the first grey, the 256 pixels below for the second, at most 255.
  EXPECT_NEAR(y[0].item<double>(), 0, 1e-6);
  EXPECT_NEAR(y[1].item<double>(), 255, 1e-6);
}

TEST(WeakOperations, MoveImageAndLabelAlike) {
  const at::Tensor image = at::arange(64, at::kDouble).view({1, 1, 8, 8}),
                   label = at::arange(64, at::kLong).view({1, 8, 8});
  for (int64_t operation = 0; operation < 6; ++operation) {
    const std::vector<double> levels =
        operation == 1 ? std::vector<double>() : std::vector<double>{0.9};
    const at::Tensor map = weak_map({{operation, levels}}, 8, 8, {0}, Draws(1).at(0, 0));
    EXPECT_TRUE(at::equal(moved(image, map)[0].to(at::kLong), moved(label, map))) << operation;
    EXPECT_EQ(at::equal(moved(label, map), label), operation == 1) << operation;
  }
}

TEST(WeakOperations, OfAMiddleLevelAreTheIdentity) {
  const at::Tensor label = at::arange(64, at::kLong).view({1, 8, 8});
  for (const int64_t operation : {3, 4, 5}) {
    const at::Tensor map = weak_map({{operation, {0.5}}}, 8, 8, {0}, Draws(1).at(0, 0));
    EXPECT_TRUE(at::equal(moved(label, map), label)) << operation;
  }
}

TEST(WeakOperations, CutoutHasAPlaceForEachSample) {
  const at::Tensor map = weak_map({{0, {0.999}}}, 32, 32, {4, 5}, Draws(1).at(0, 0));
  const at::Tensor cut = moved(at::ones({2, 1, 32, 32}), map) == 0;
  EXPECT_FALSE(at::equal(cut[0], cut[1]));
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_GT(cut[i].sum().item<int64_t>(), 0);
    EXPECT_LE(cut[i].sum().item<int64_t>(), 16 * 16);
  }
}

}  // namespace
}  // namespace semiseg
