// SPDX-License-Identifier: Apache-2.0
// Class statistics and their memory: oracles 11 to 17, 22 and 23 of the specification that need no
// loss.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/state.h"
#include "framework/methods/class_memory.h"
#include "tests/parity.h"
#include "tests/thread_communicator.h"
#include "tests/tsa_problem.h"

namespace semiseg {
namespace {

constexpr MemoryOptions kCumulative{.kind = MemoryOptions::Kind::kCumulative};

MemoryOptions forgetting(double rate) {
  return {.kind = MemoryOptions::Kind::kForget, .forgetting = rate};
}

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

void expect_same(const ClassStatistics& a, const ClassStatistics& b, double tolerance) {
  EXPECT_TRUE(at::equal(a.count, b.count));
  EXPECT_LE(deviation(a.mean, b.mean), tolerance);
  EXPECT_LE(deviation(a.covariance, b.covariance), tolerance);
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) { return at::equal(a, b); }

// --- recorded cases

class RecordedUpdates : public testing::TestWithParam<const char*> {};

TEST_P(RecordedUpdates, AreReproduced) {
  for (const ParityCase& c : load_cases("memory", GetParam())) {
    const int64_t classes = c.options.at("classes"), features = c.options.at("features");
    const double fp32_tolerance = c.options.at("fp32_rtol");
    ClassMemory memory(classes, features, forgetting(c.options.at("forgetting"))), single = memory;
    for (int i = 0; i < c.options.at("batches").get<int>(); ++i) {
      const std::string in = "in." + std::to_string(i) + ".",
                        out = "out." + std::to_string(i) + ".";
      const at::Tensor feature = c.tensor(in + "feature"), label = c.tensor(in + "label");
      feed(memory, feature.to(at::kDouble), label);
      feed(single, feature.to(at::kFloat), label);
      EXPECT_TRUE(compare(c, out + "count", memory.statistics().count));
      EXPECT_TRUE(compare(c, out + "weight_count", memory.weight()));
      EXPECT_TRUE(compare(c, out + "mean", memory.statistics().mean));
      EXPECT_TRUE(compare(c, out + "covariance", memory.statistics().covariance));
      EXPECT_LE(deviation(single.statistics().mean, c.tensor(out + "mean")), fp32_tolerance);
      EXPECT_LE(deviation(single.statistics().covariance, c.tensor(out + "covariance")),
                fp32_tolerance);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Memory, RecordedUpdates, testing::Values("tsa_update", "isda_update"));

// --- sums of one batch

struct Layout {
  const char* name;
  at::ScalarType dtype;
  std::vector<int64_t> shape;
  bool channels_last;
};

class SumsOfLayouts : public testing::TestWithParam<Layout> {};

TEST_P(SumsOfLayouts, EqualTheTwin) {
  const Layout& layout = GetParam();
  at::Tensor x = normal("x", layout.shape).to(layout.dtype);
  std::vector<int64_t> pixels = layout.shape;
  pixels.erase(pixels.begin() + 1);
  if (layout.channels_last) {
    x = x.contiguous(x.dim() == 4 ? at::MemoryFormat::ChannelsLast
                                  : at::MemoryFormat::ChannelsLast3d);
  }
  const at::Tensor y = labels("y", pixels, 3), shift = normal("shift", {3, layout.shape[1]});
  for (const auto kind : {CovarianceKind::kFull, CovarianceKind::kDiagonal}) {
    const BatchSums sums = batch_sums(x, y, shift, kind),
                    twin = batch_sums_composed(x, y, shift, kind);
    EXPECT_TRUE(at::equal(sums.count(), twin.count()));
    EXPECT_TRUE(at::equal(sums.weight(), twin.weight()));
    EXPECT_LE(deviation(sums.values, twin.values), layout.dtype == at::kDouble ? 1e-13 : 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Sums, SumsOfLayouts,
                         testing::Values(Layout{"Float64", at::kDouble, {2, 5, 70, 70}, false},
                                         Layout{"Float32", at::kFloat, {2, 16, 70, 70}, false},
                                         Layout{"BFloat16", at::kBFloat16, {2, 16, 20, 20}, false},
                                         Layout{"ChannelsLast", at::kFloat, {2, 16, 70, 70}, true},
                                         Layout{
                                             "ChannelsLast3d", at::kFloat, {2, 7, 9, 20, 30}, true},
                                         Layout{"Volume", at::kDouble, {3, 7, 9, 20, 30}, false},
                                         Layout{"OneFeature", at::kFloat, {1, 1, 300}, false},
                                         Layout{"NoPixelAxis", at::kDouble, {50, 6}, false}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Sums, OfASlicedBatchEqualThoseOfItsCopy) {
  const at::Tensor x = normal("x", {2, 5, 40, 40}).slice(3, 3, 33),
                   y = labels("y", {2, 40, 40}, 3).slice(2, 3, 33);
  const at::Tensor shift = normal("shift", {3, 5});
  EXPECT_TRUE(
      same_bits(batch_sums(x, y, shift, CovarianceKind::kFull).values,
                batch_sums(x.contiguous(), y.contiguous(), shift, CovarianceKind::kFull).values));
}

TEST(Sums, HaveTheSameBitsOnAnyNumberOfThreads) {
  const at::Tensor x = normal("x", {3, 16, 100, 90}).to(at::kFloat),
                   y = labels("y", {3, 100, 90}, 4);
  const at::Tensor shift = normal("shift", {4, 16});
  const int before = at::get_num_threads();
  std::vector<at::Tensor> values;
  for (const int threads : {1, 2, 3, 2, 1}) {
    at::set_num_threads(threads);
    values.push_back(batch_sums(x, y, shift, CovarianceKind::kFull).values);
  }
  at::set_num_threads(before);
  for (const at::Tensor& v : values) EXPECT_TRUE(same_bits(v, values[0]));
}

TEST(Sums, OfPartsAddUpToThoseOfTheWhole) {
  const at::Tensor x = normal("x", {5, 6, 50, 50}), y = labels("y", {5, 50, 50}, 3),
                   shift = normal("shift", {3, 6});
  const at::Tensor whole = batch_sums(x, y, shift, CovarianceKind::kFull).values;
  at::Tensor parts = at::zeros_like(whole);
  for (int64_t i = 0; i < 5; ++i) {
    parts += batch_sums(x.narrow(0, i, 1), y.narrow(0, i, 1), shift, CovarianceKind::kFull).values;
  }
  EXPECT_LE(deviation(parts, whole), 1e-14);
}

TEST(Sums, OfAnEmptyShareAreZero) {
  const at::Tensor sums = batch_sums(at::zeros({0, 3, 4, 4}), at::zeros({0, 4, 4}, at::kLong),
                                     at::zeros({2, 3}, at::kDouble), CovarianceKind::kFull)
                              .values;
  EXPECT_TRUE(at::equal(sums, at::zeros({2, 2 + 3 + 6}, at::kDouble)));
}

TEST(Sums, RefuseALabelThatIsNoClass) {
  at::Tensor y = at::zeros({1, 4, 4}, at::kLong);
  y[0][2][2] = 3;
  EXPECT_THROW(
      batch_sums(at::zeros({1, 2, 4, 4}), y, at::zeros({3, 2}, at::kDouble), CovarianceKind::kFull),
      Error);
  y[0][2][2] = -1;
  EXPECT_THROW(
      batch_sums(at::zeros({1, 2, 4, 4}), y, at::zeros({3, 2}, at::kDouble), CovarianceKind::kFull),
      Error);
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

// --- 12: ranks

class RanksOfMemory : public testing::TestWithParam<int> {};

// Uneven shares; one rank has no pixel of class 0, one has only ignored pixels (with 3 ranks or
// more).
TEST_P(RanksOfMemory, HoldThatOfOneRank) {
  const int ranks = GetParam();
  const at::Tensor x = normal("x", {10, 5, 30});
  at::Tensor y = labels("y", {10, 30}, 3);
  y[9].fill_(kIgnoreLabel);
  y[0] = at::where(y[0] == 0, 1, y[0]);
  for (const SumOrder order : {SumOrder::kAllReduce, SumOrder::kOrdered}) {
    const TsaMemoryOptions options{.memory = forgetting(0.9), .order = order};
    const auto run = [&](int64_t first, int64_t size, const Communicator& comm) {
      TsaMemory memory({"student", "teacher"}, 3, 5, options);
      for (int64_t step = 0; step < 3; ++step) {
        const at::Tensor features = (x + 0.1 * static_cast<double>(step)).narrow(0, first, size);
        memory.step(std::vector<LabelledFeatures>{{features, y.narrow(0, first, size)},
                                                  {features * 2, y.narrow(0, first, size)}},
                    comm);
      }
      return std::vector<ClassStatistics>{memory.statistics(0), memory.statistics(1)};
    };
    const std::vector<ClassStatistics> whole = run(0, 10, *make_serial_communicator());
    std::vector<std::vector<ClassStatistics>> found(static_cast<size_t>(ranks));
    run_ranks(ranks, [&](const Communicator& comm) {
      // The last rank but one takes what is left over.
      const int64_t rank = comm.rank(), first = rank < ranks - 1 ? rank : 9;
      const int64_t size = rank == ranks - 1 ? 1 : rank == ranks - 2 ? 9 - rank : 1;
      found[static_cast<size_t>(rank)] = run(ranks == 1 ? 0 : first, ranks == 1 ? 10 : size, comm);
    });
    for (size_t rank = 0; rank < found.size(); ++rank) {
      for (size_t stream = 0; stream < 2; ++stream) {
        expect_same(found[rank][stream], whole[stream], 1e-12);
        expect_same(found[rank][stream], found[0][stream], 0);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, RanksOfMemory, testing::Values(1, 2, 3, 4, 8));

class CountingCommunicator : public ThreadCommunicator {
 public:
  using ThreadCommunicator::ThreadCommunicator;
  void all_reduce(at::Tensor& value, std::string_view name) const override {
    messages.push_back(value.numel());
    ThreadCommunicator::all_reduce(value, name);
  }
  mutable std::vector<int64_t> messages;
};

TEST(Memory, SendsOneMessageForAllStreamsEveryFewStepsAndNoneOnceFrozen) {
  ThreadCommunicator::World world(1);
  const CountingCommunicator comm(world, 0);
  TsaMemory memory(
      {"student", "teacher"}, 3, 5,
      {.memory = {.kind = MemoryOptions::Kind::kFrozenAfter, .frozen_after = 4}, .every = 2});
  const LabelledFeatures batch{normal("x", {2, 5, 30}), labels("y", {2, 30}, 3)};
  for (int step = 0; step < 8; ++step)
    memory.step(std::vector<LabelledFeatures>{batch, batch}, comm);
  EXPECT_EQ(comm.messages, (std::vector<int64_t>(2, 2 * 3 * (2 + 5 + 15))));
}

// --- 13: every k steps

class WindowsOfMemory : public testing::TestWithParam<double> {};

TEST_P(WindowsOfMemory, EqualMergesOfEveryStep) {
  const auto comm = make_serial_communicator();
  const at::Tensor x = normal("x", {12, 5, 30}), y = labels("y", {12, 30}, 3);
  TsaMemory each({"s"}, 3, 5, {.memory = forgetting(GetParam())});
  TsaMemory window({"s"}, 3, 5, {.memory = forgetting(GetParam()), .every = 4});
  for (int64_t i = 0; i < 12; ++i) {
    const std::vector<LabelledFeatures> batch{{x.narrow(0, i, 1), y.narrow(0, i, 1)}};
    const at::Tensor before = window.statistics(0).mean;
    each.step(batch, *comm);
    window.step(batch, *comm);
    if (i % 4 < 3) {
      EXPECT_TRUE(same_bits(window.statistics(0).mean, before));
    } else {
      expect_same(window.statistics(0), each.statistics(0), 1e-11);
      EXPECT_LE(deviation(window.memory(0).weight(), each.memory(0).weight()), 1e-13);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forgetting, WindowsOfMemory, testing::Values(1.0, 0.9));

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
  EXPECT_TRUE(same_bits(covariance, covariance.transpose(1, 2).contiguous()));
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
  EXPECT_TRUE(same_bits(memory.weight(), weight * 0.9));
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
    EXPECT_TRUE(same_bits(memory.weight(), weight));
    EXPECT_EQ(memory.skipped().item<int64_t>(), 1);
  }
}

// --- 22: lagged, 23: state

TEST(Memory, ThatLagsShowsTheStatisticsOfOneStepBefore) {
  const auto comm = make_serial_communicator();
  const at::Tensor x = normal("x", {5, 4, 30}), y = labels("y", {5, 30}, 3);
  TsaMemory sync({"s"}, 3, 4, {}), lagged({"s"}, 3, 4, {.lagged = true});
  for (int64_t i = 0; i < 5; ++i) {
    const ClassStatistics expected = sync.statistics(0);
    const std::vector<LabelledFeatures> batch{{x.narrow(0, i, 1), y.narrow(0, i, 1)}};
    sync.step(batch, *comm);
    lagged.step(batch, *comm);
    expect_same(lagged.statistics(0), expected, 0);
  }
}

TEST(Memory, ContinuesFromItsStateAsIfItHadNeverStopped) {
  const auto comm = make_serial_communicator();
  const at::Tensor x = normal("x", {8, 4, 30}), y = labels("y", {8, 30}, 3);
  for (const bool lagged : {false, true}) {
    const TsaMemoryOptions options{.memory = forgetting(0.9), .every = 3, .lagged = lagged};
    const auto batches = [&](int64_t i) {
      return std::vector<LabelledFeatures>{{x.narrow(0, i, 1), y.narrow(0, i, 1)},
                                           {x.narrow(0, 7 - i, 1), y.narrow(0, 7 - i, 1)}};
    };
    TsaMemory memory({"student", "teacher"}, 3, 4, options),
        resumed = TsaMemory({"student", "teacher"}, 3, 4, options);
    for (int64_t i = 0; i < 5; ++i) memory.step(batches(i), *comm);  // in the middle of a window
    const StateMap saved = take_state([&](StateVisitor& v) { memory.state(v); });
    put_state([&](StateVisitor& v) { resumed.state(v); }, saved);
    for (int64_t i = 5; i < 8; ++i) {
      memory.step(batches(i), *comm);
      resumed.step(batches(i), *comm);
      for (size_t stream = 0; stream < 2; ++stream) {
        expect_same(resumed.statistics(stream), memory.statistics(stream), 0);
        EXPECT_TRUE(same_bits(resumed.memory(stream).weight(), memory.memory(stream).weight()));
      }
    }
  }
}

}  // namespace
}  // namespace semiseg
