// SPDX-License-Identifier: Apache-2.0
// Heads with several taps and the schedule of λ: oracles 19 and 20 of the specification, in
// float64.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tests/tsa/tsa_problem.h"

namespace semiseg {
namespace {

// --- 19: heads with several taps

TEST(TapSum, IsTheChangeOfALogitWhenItsNeighbourhoodMoves) {
  const at::Tensor weight = normal("w", {4, 5, 3, 3}), x = normal("x", {1, 5, 7, 7}),
                   d = normal("d", {5});
  at::Tensor moved = x.clone();
  moved.slice(2, 2, 5).slice(3, 2, 5).add_(d.view({1, 5, 1, 1}));
  const at::Tensor change = at::conv2d(moved, weight, {}, 1, 1) - at::conv2d(x, weight, {}, 1, 1);
  const at::Tensor expected = at::matmul(weight.sum(std::vector<int64_t>{2, 3}), d);
  EXPECT_LE(deviation(change[0].select(1, 3).select(1, 3), expected), 1e-12);
  ClassStatistics from = statistics("from", 4, 5), to = from;
  to.mean = from.mean + d;
  const at::Tensor u =
      offset_table(weight, from, to, 1, {.augmentation = Augmentation::kMeanOnly}).table;
  EXPECT_LE(deviation(u, expected.unsqueeze(0) - expected.unsqueeze(1)), 1e-12);
}

// The same in a volume, with heads of 1 and of 27 taps.
TEST(TapSum, IsTheChangeOfALogitInAVolumeToo) {
  for (const int64_t side : {1, 3}) {
    const at::Tensor weight = normal("w", {4, 5, side, side, side}),
                     x = normal("x", {1, 5, 6, 7, 5}), d = normal("d", {5});
    at::Tensor moved = x.clone();
    moved.slice(2, 1, 4).slice(3, 2, 5).slice(4, 1, 4).add_(d.view({1, 5, 1, 1, 1}));
    const at::Tensor change =
        at::conv3d(moved, weight, {}, 1, side / 2) - at::conv3d(x, weight, {}, 1, side / 2);
    const at::Tensor expected = at::matmul(weight.sum(std::vector<int64_t>{2, 3, 4}), d);
    EXPECT_LE(deviation(change[0].select(1, 2).select(1, 3).select(1, 2), expected), 1e-12);
    ClassStatistics from = statistics("from", 4, 5), to = from;
    to.mean = from.mean + d;
    const at::Tensor u =
        offset_table(weight, from, to, 1, {.augmentation = Augmentation::kMeanOnly}).table;
    EXPECT_LE(deviation(u, expected.unsqueeze(0) - expected.unsqueeze(1)), 1e-12);
  }
}

TEST(TapSum, GivesAllTapsTheSameGradient) {
  const TsaProblem p;
  const at::Tensor weight = normal("w", {4, 5, 3, 3}).set_requires_grad(true);
  const at::Tensor table = offset_table(weight, p.from, p.to, p.lambda, {}).table;
  const auto found = gradients((table * normal("outer", {4, 4})).sum(), {weight})[0];
  EXPECT_TRUE(at::equal(found, found.slice(2, 0, 1).slice(3, 0, 1).expand_as(found)));
  EXPECT_GT(found.abs().max().item<double>(), 0);
}

TEST(TapSum, OfAKernelThatIsZeroOffItsCentreEqualsAPointwiseHead) {
  const TsaProblem p;
  at::Tensor wide = at::zeros({4, 5, 3, 3}, at::kDouble);
  wide.select(2, 1).select(2, 1).copy_(p.weight.detach());
  EXPECT_TRUE(at::equal(offset_table(wide, p.from, p.to, p.lambda, {}).table, p.table().detach()));
  EXPECT_TRUE(at::equal(
      offset_table(p.weight.detach().view({4, 5, 1, 1, 1}), p.from, p.to, p.lambda, {}).table,
      p.table().detach()));
}

// --- 20: schedule

TEST(Lambda, RampsLinearlyFromZero) {
  const LambdaSchedule schedule{.strength = 0.25, .ramp = true, .length = 30000};
  EXPECT_EQ(lambda_at(schedule, 0), 0);
  EXPECT_DOUBLE_EQ(lambda_at(schedule, 15000), 0.125);
  EXPECT_DOUBLE_EQ(lambda_at(schedule, 29999), 0.25 * 29999 / 30000);
  EXPECT_EQ(lambda_at({.strength = 0.5, .ramp = false, .length = 10}, 0), 0.5);
}

}  // namespace
}  // namespace semiseg
