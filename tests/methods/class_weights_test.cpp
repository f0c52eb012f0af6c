// SPDX-License-Identifier: Apache-2.0
// Weights of hard and of rare classes (DHC, Aggregating & Decoupling) by hand.
#include "framework/methods/parts/class_weights.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "framework/nn/losses/losses.h"
#include "launch/conformance/method_case.h"
#include "launch/parity/parity_case.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

const auto kSerial = make_serial_communicator();

at::Tensor numbers(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

const std::vector<std::vector<double>> kDice = {{0.9, 0.5, 0.1}, {0.9, 0.6, 0.05}, {0.8, 0.6, 0.2}};

void expect_weights(const std::vector<std::vector<double>>& expected,
                    const std::function<at::Tensor(const at::Tensor&)>& weights) {
  ClassDifficulty difficulty(3, 50, at::kCPU);
  for (size_t i = 0; i < kDice.size(); ++i) {
    const at::Tensor w = weights(difficulty.update(numbers(kDice[i])));
    EXPECT_TRUE(at::allclose(w, numbers(expected[i]), 1e-5, 1e-6)) << w;
  }
}

TEST(ClassDifficulty, IsThatOfAggregatingAndDecoupling) {
  expect_weights({{0.092388, 0.105445, 0.149480},
                  {0.091096, 0.104566, 1.393433},
                  {0.674123, 0.103749, 1.353375}},
                 [](const at::Tensor& v) { return 3 * v; });
}

TEST(ClassDifficulty, RelativeToTheLargestIsThatOfDhc) {
  expect_weights({{1.854187, 2.116240, 3}, {0.196125, 0.225127, 3}, {1.494315, 0.229977, 3}},
                 relative_to_largest);
}

TEST(ClassDifficulty, AClassThatIsNotSeenKeepsItsState) {
  ClassDifficulty difficulty(2, 50, at::kCPU), other(2, 50, at::kCPU);
  const at::Tensor seen = at::tensor(std::vector<int64_t>{1, 0}, at::kLong) == 1;
  difficulty.update(numbers({0.5, 0.3}));
  other.update(numbers({0.5, 0.3}));
  difficulty.update(numbers({0.6, 0.5}), seen);
  other.update(numbers({0.6, 0.5}));
  const at::Tensor w = difficulty.update(numbers({0.7, 0.4}));
  const at::Tensor moved = other.update(numbers({0.7, 0.4}));
  EXPECT_EQ(w[0].item<double>(), moved[0].item<double>());
  EXPECT_NE(w[1].item<double>(), moved[1].item<double>());
}

TEST(HardDice, IsAHalfForAClassThatNobodyHas) {
  const at::Tensor label = at::tensor(std::vector<int64_t>{0, 0, 1, 1}).view({1, 4}),
                   prediction = at::tensor(std::vector<int64_t>{0, 1, 1, 1}).view({1, 4});
  const at::Tensor dice = hard_dice(class_counts(prediction, label, 3, *kSerial));
  EXPECT_TRUE(at::allclose(dice, numbers({2. / 3, 0.8, 0.5}), 1e-6)) << dice;
}

TEST(RarityWeights, AreLogarithmsOfInverseCounts) {
  const at::Tensor first = rarity_weights(numbers({1000, 100, 10}), at::ones({3}, at::kDouble));
  EXPECT_TRUE(at::allclose(first, numbers({0, 1.5, 3}), 1e-6)) << first;
  const at::Tensor next = rarity_weights(numbers({900, 0, 100}), first);
  EXPECT_TRUE(at::allclose(next, numbers({0, 3, 0.261335}), 1e-5)) << next;
  EXPECT_TRUE(at::allclose(0.99 * first + 0.01 * next, numbers({0, 1.515, 2.972613}), 1e-6));
}

TEST(RarityWeights, OfEqualCountsAreTheOldOnes) {
  const at::Tensor old = numbers({0.5, 1, 2});
  EXPECT_TRUE(at::equal(rarity_weights(numbers({7, 7, 7}), old), old));
}

TEST(WeightedCrossEntropy, WithoutAnyWeightIsZero) {
  const at::Tensor logits = generate("z", {1, 3, 4}, -1, 1, at::kDouble).set_requires_grad(true);
  const at::Tensor background = at::zeros({1, 4}, at::kLong);
  const at::Tensor loss =
      cross_entropy(logits, background, numbers({0, 1, 1}).take(background), *kSerial);
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(logits.grad().abs().max().item<double>(), 0);
}

TEST(Dhc, WantsAWeightForEachClass) {
  MethodSetup setup = small_setup("dhc", 2);
  setup.options = "initial_distribution_weight = [0, 1]";
  expect_error(ErrorKind::kConfig, {"one weight for each class", "3 numbers"},
               [&] { MethodUnderTest(setup, *kSerial); });
}

// The first rarity weights are those of the labelled voxels.
TEST(Dhc, BeginsWithTheRarityOfTheLabelledVoxels) {
  MethodSetup setup = small_setup("dhc", 2);
  setup.class_voxels = {300, 200, 100};
  MethodUnderTest method(setup, *kSerial);
  method->begin_stage(0);
  const StateMap state = take_state([&](StateVisitor& v) { method->state(v); });
  const at::Tensor& weight = std::get<at::Tensor>(state.at("distribution_weight"));
  EXPECT_TRUE(at::allclose(weight, numbers({0, 3 * std::log(1.5) / std::log(3), 3}), 1e-6))
      << weight;
}

}  // namespace
}  // namespace semiseg
