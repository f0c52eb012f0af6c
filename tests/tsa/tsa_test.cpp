// SPDX-License-Identifier: Apache-2.0
// The memory of one stream: oracles 11 and 14 to 17 of the specification.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "framework/core/state.h"
#include "framework/methods/tsa/class_memory.h"
#include "tests/tsa/tsa_problem.h"

namespace semiseg {
namespace {

constexpr MemoryOptions kCumulative{.kind = MemoryOptions::Kind::kCumulative};

void feed(ClassMemory& memory, const at::Tensor& features, const at::Tensor& label) {
  memory.update(memory.sums(features, label));
}

// Two passes over weighted pixels x [n,A]: mean and population covariance.
struct Moments {
  at::Tensor mean, covariance;
};

Moments moments(const at::Tensor& x, const at::Tensor& weight) {
  const at::Tensor w = (weight / weight.sum()).unsqueeze(1), mean = (w * x).sum(0);
  return {mean, at::matmul((x - mean).t(), w * (x - mean))};
}

Moments moments(const at::Tensor& x) { return moments(x, at::ones({x.size(0)}, at::kDouble)); }

at::Tensor pixels_of(const at::Tensor& features, const at::Tensor& label, int64_t k) {
  const at::Tensor x = features.to(at::kDouble).movedim(1, -1).reshape({-1, features.size(1)});
  return x.index_select(0, (label.reshape(-1) == k).nonzero().squeeze(1));
}

// --- 11: merge

TEST(Memory, OfAnySplitEqualsTwoPassesOverAllData) {
  const at::Tensor x = normal("x", {40, 5}) + 3, y = labels("y", {40}, 3);
  for (const std::vector<int64_t>& split :
       {std::vector<int64_t>{40}, {1, 39}, {0, 13, 0, 26, 1}, {10, 10, 10, 10}}) {
    ClassMemory memory(3, 5, kCumulative);
    int64_t start = 0;
    for (const int64_t size : split) {
      feed(memory, x.narrow(0, start, size), y.narrow(0, start, size));
      start += size;
    }
    for (int64_t k = 0; k < 3; ++k) {
      const Moments expected = moments(pixels_of(x, y, k));
      EXPECT_LE(deviation(memory.statistics().mean[k], expected.mean), 1e-10);
      EXPECT_LE(deviation(memory.statistics().covariance[k], expected.covariance), 1e-10);
    }
  }
}

TEST(Memory, DoesNotDependOnTheOrderOfBatches) {
  const at::Tensor x = normal("x", {4, 5, 9}), y = labels("y", {4, 9}, 3);
  ClassMemory forwards(3, 5, kCumulative), backwards(3, 5, kCumulative), pairs(3, 5, kCumulative);
  for (int64_t i = 0; i < 4; ++i) {
    feed(forwards, x.narrow(0, i, 1), y.narrow(0, i, 1));
    feed(backwards, x.narrow(0, 3 - i, 1), y.narrow(0, 3 - i, 1));
    if (i % 2 == 0) feed(pairs, x.narrow(0, i, 2), y.narrow(0, i, 2));
  }
  expect_same(backwards.statistics(), forwards.statistics(), 1e-12);
  expect_same(pairs.statistics(), forwards.statistics(), 1e-12);
}

TEST(Memory, ThatForgetsWeighsEachPixelByItsAge) {
  const double rate = 0.9;
  const at::Tensor x = normal("x", {6, 4, 11}), y = labels("y", {6, 11}, 2);
  ClassMemory memory(2, 4, forgetting(rate));
  for (int64_t i = 0; i < 6; ++i) feed(memory, x.narrow(0, i, 1), y.narrow(0, i, 1));
  const at::Tensor age =
      at::arange(5, -1, -1, at::kDouble).unsqueeze(1).expand({6, 11}).reshape(-1);
  for (int64_t k = 0; k < 2; ++k) {
    const at::Tensor of_class = (y.reshape(-1) == k).nonzero().squeeze(1);
    const at::Tensor weight = at::pow(rate, age).index_select(0, of_class);
    const Moments expected = moments(pixels_of(x, y, k), weight);
    EXPECT_LE(deviation(memory.statistics().mean[k], expected.mean), 1e-10);
    EXPECT_LE(deviation(memory.statistics().covariance[k], expected.covariance), 1e-10);
    EXPECT_NEAR(memory.weight()[k].item<double>(), weight.sum().item<double>(), 1e-10);
    EXPECT_EQ(memory.statistics().count[k].item<int64_t>(), of_class.numel());
  }
}

TEST(Memory, OfTheBatchAloneKnowsOnlyTheLastOne) {
  const at::Tensor x = normal("x", {2, 4, 30});
  at::Tensor y = labels("y", {2, 30}, 3);
  y[1] = at::where(y[1] == 2, 0, y[1]);
  ClassMemory memory(3, 4, {.kind = MemoryOptions::Kind::kBatchOnly});
  feed(memory, x.narrow(0, 0, 1), y.narrow(0, 0, 1));
  feed(memory, x.narrow(0, 1, 1), y.narrow(0, 1, 1));
  const Moments expected = moments(pixels_of(x[1].unsqueeze(0), y[1], 0));
  EXPECT_LE(deviation(memory.statistics().mean[0], expected.mean), 1e-12);
  EXPECT_LE(deviation(memory.statistics().covariance[0], expected.covariance), 1e-12);
  EXPECT_EQ(memory.statistics().count[0].item<int64_t>(), (y[1] == 0).sum().item<int64_t>());
  EXPECT_EQ(memory.statistics().count[2].item<int64_t>(), 0);
}

TEST(Memory, StaysAsItIsOnceFrozen) {
  const at::Tensor x = normal("x", {3, 4, 30}), y = labels("y", {3, 30}, 3);
  ClassMemory memory(3, 4, {.kind = MemoryOptions::Kind::kFrozenAfter, .frozen_after = 2});
  feed(memory, x.narrow(0, 0, 1), y.narrow(0, 0, 1));
  EXPECT_FALSE(memory.frozen());
  feed(memory, x.narrow(0, 1, 1), y.narrow(0, 1, 1));
  EXPECT_TRUE(memory.frozen());
  const ClassStatistics before = memory.statistics();
  feed(memory, x.narrow(0, 2, 1), y.narrow(0, 2, 1));
  expect_same(memory.statistics(), before, 0);
}

TEST(Memory, OfTheDiagonalIsThatOfTheFullCovarianceAndIsotropicItsMean) {
  const at::Tensor x = normal("x", {2, 5, 40}), y = labels("y", {2, 40}, 3);
  std::vector<ClassStatistics> found;
  for (const auto kind :
       {CovarianceKind::kFull, CovarianceKind::kDiagonal, CovarianceKind::kIsotropic}) {
    MemoryOptions options = forgetting(0.8);
    options.covariance = kind;
    ClassMemory memory(3, 5, options);
    for (int64_t i = 0; i < 2; ++i) feed(memory, x.narrow(0, i, 1), y.narrow(0, i, 1));
    found.push_back(memory.statistics());
  }
  const at::Tensor diagonal = found[0].covariance.diagonal(0, 1, 2);
  EXPECT_LE(deviation(found[1].covariance, at::diag_embed(diagonal)), 1e-14);
  EXPECT_LE(
      deviation(found[2].covariance, at::diag_embed(diagonal.mean(1, true).expand_as(diagonal))),
      1e-14);
}

// --- 14: stability

class FarFromZero : public testing::Test {
 protected:
  static constexpr int64_t kPixels = 1 << 20, kFeatures = 3;
  const at::Tensor x = (0.5 * normal("far", {1, kFeatures, kPixels}) + 20).to(at::kFloat);
  const at::Tensor y = at::zeros({1, kPixels}, at::kLong);
  const Moments expected = moments(pixels_of(x, y, 0));
};

TEST_F(FarFromZero, CovarianceKeepsItsDigitsAtTheFirstStepAndLater) {
  ClassMemory memory(1, kFeatures, kCumulative);
  for (int step = 0; step < 2; ++step) {
    feed(memory, x, y);
    EXPECT_LE(deviation(memory.statistics().covariance[0], expected.covariance), 1e-6);
    EXPECT_LE(deviation(memory.statistics().mean[0], expected.mean), 1e-8);
  }
}

TEST_F(FarFromZero, OneFloatAccumulatorLosesThem) {
  const at::TensorAccessor<float, 3> values = x.accessor<float, 3>();
  float sum = 0, square = 0;
  for (int64_t i = 0; i < kPixels; ++i) {
    sum += values[0][0][i];
    square += values[0][0][i] * values[0][0][i];
  }
  const double mean = sum / static_cast<double>(kPixels),
               variance = square / static_cast<double>(kPixels) - mean * mean;
  const double exact = expected.covariance[0][0].item<double>();
  EXPECT_GT(std::abs(variance - exact) / exact, 1e-3);
}

TEST(Memory, CountsARareClassExactlyBeyondTwoToTheForty) {
  ClassMemory memory(2, 1, kCumulative);
  const Stateful visit = [&](StateVisitor& v) { memory.state(v); };
  StateMap state = take_state(visit);
  state["count"] = at::full({2}, int64_t{1} << 40, at::kLong);
  state["weight"] = at::full({2}, std::pow(2.0, 40), at::kDouble);
  put_state(visit, state);
  feed(memory, at::ones({1, 1, 1000}), at::ones({1, 1000}, at::kLong));
  feed(memory, at::ones({1, 1, 1}), at::ones({1, 1}, at::kLong));
  EXPECT_EQ(memory.statistics().count[1].item<int64_t>(), (int64_t{1} << 40) + 1001);
  EXPECT_EQ(memory.weight()[1].item<double>(), std::pow(2.0, 40) + 1001);
}

// --- 15: symmetric and positive

TEST(Memory, StaysSymmetricAndPositiveOverTenThousandMerges) {
  const at::Tensor x = normal("x", {500, 4, 5}) + 2, y = labels("y", {500, 5}, 2);
  ClassMemory memory(2, 4, forgetting(0.99));
  for (int64_t i = 0; i < 10000; ++i)
    feed(memory, x.narrow(0, i % 500, 1), y.narrow(0, i % 500, 1));
  const at::Tensor covariance = memory.statistics().covariance;
  EXPECT_TRUE(at::equal(covariance, covariance.transpose(1, 2).contiguous()));
  const at::Tensor trace = covariance.diagonal(0, 1, 2).sum(1);
  EXPECT_TRUE((at::linalg_eigvalsh(covariance).amin({1}) >= -1e-12 * trace).all().item<bool>());
  const OffsetTable table =
      offset_table(normal("w", {2, 4}), memory.statistics(), memory.statistics(), 1, {});
  EXPECT_EQ(table.clamped.item<int64_t>(), 0);
}

// --- 16, 17: empty classes, ignored and broken pixels

TEST(Memory, OfAClassNeverSeenIsZeroAndFinite) {
  ClassMemory memory(3, 4, forgetting(0.9));
  feed(memory, normal("x", {1, 4, 20}), at::ones({1, 20}, at::kLong));
  const ClassStatistics found = memory.statistics();
  EXPECT_TRUE(at::equal(found.count, at::tensor({0, 20, 0}, at::kLong)));
  EXPECT_TRUE(found.mean.isfinite().all().item<bool>() &&
              found.covariance.isfinite().all().item<bool>());
  EXPECT_EQ(found.mean[0].abs().max().item<double>(), 0);
}

TEST(Memory, OfAClassOfOnePixelHasNoSpread) {
  ClassMemory memory(1, 4, forgetting(0.9));
  const at::Tensor x = normal("x", {1, 4, 1});
  feed(memory, x, at::zeros({1, 1}, at::kLong));
  EXPECT_LE(deviation(memory.statistics().mean[0], x.flatten()), 1e-15);
  EXPECT_EQ(memory.statistics().covariance.abs().max().item<double>(), 0);
}

TEST(Memory, DoesNotSeeIgnoredPixels) {
  const at::Tensor x = normal("x", {1, 4, 30}), y = labels("y", {1, 30}, 3);
  const at::Tensor broken = at::where((y == kIgnoreLabel).unsqueeze(1), std::nan(""), x);
  ClassMemory memory(3, 4, kCumulative), other(3, 4, kCumulative);
  feed(memory, x, y);
  feed(other, broken, y);
  expect_same(other.statistics(), memory.statistics(), 0);
}

TEST(Memory, OfABatchWithoutPixelsOnlyDecaysItsWeights) {
  ClassMemory memory(3, 4, forgetting(0.9));
  feed(memory, normal("x", {1, 4, 30}), labels("y", {1, 30}, 3));
  const ClassStatistics before = memory.statistics();
  const at::Tensor weight = memory.weight();
  feed(memory, normal("z", {1, 4, 30}), at::full({1, 30}, kIgnoreLabel, at::kLong));
  expect_same(memory.statistics(), before, 0);
  EXPECT_TRUE(at::equal(memory.weight(), weight * 0.9));
}

TEST(Memory, SkipsABatchThatIsNotFinite) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    ClassMemory memory(3, 4, forgetting(0.9));
    at::Tensor x = normal("x", {1, 4, 30});
    const at::Tensor y = at::arange(30, at::kLong).remainder(3).unsqueeze(0);
    feed(memory, x, y);
    const ClassStatistics before = memory.statistics();
    const at::Tensor weight = memory.weight();
    x = x.clone();
    x[0][1][4] = bad;
    feed(memory, x, y);
    expect_same(memory.statistics(), before, 0);
    EXPECT_TRUE(at::equal(memory.weight(), weight));
    EXPECT_EQ(memory.skipped().item<int64_t>(), 1);
  }
}

}  // namespace
}  // namespace semiseg
