// SPDX-License-Identifier: Apache-2.0
// The fused loss against its twin: oracles 12, 17, 20 and 21 of the specification, layouts, masks,
// threads.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/core/error.h"
#include "launch/conformance/thread_communicator.h"
#include "tests/tsa/tsa_problem.h"

namespace semiseg {
namespace {

// --- 21: fused and composed

class FusedLoss : public testing::TestWithParam<TensorLayout> {};

struct Result {
  at::Tensor loss, logits, table;
};

using LossFunction = decltype(&cross_entropy_with_offsets);

Result run(LossFunction function, const at::Tensor& logits, const at::Tensor& label,
           const at::Tensor& table, const at::Tensor& mask,
           const Communicator& comm = *make_serial_communicator()) {
  at::Tensor z = logits.detach().set_requires_grad(true), u = table.defined() ? leaf(table) : table;
  const at::Tensor loss = function(z, label, u, mask, comm);
  (3 * loss).backward();
  return {loss.detach(), z.grad(), table.defined() ? u.grad() : table};
}

at::Tensor random_table(int64_t classes) {
  const at::Tensor u = normal("table", {classes, classes});
  return u - u.diagonal().diag();
}

TEST_P(FusedLoss, EqualsItsTwin) {
  const TensorLayout& layout = GetParam();
  const std::vector<int64_t> pixels = layout.pixels();
  const at::Tensor z = layout.arranged(4 * normal("logits", layout.shape));
  const at::Tensor y = labels("y", pixels, layout.shape[1]), u = random_table(layout.shape[1]);
  const double loss_tolerance = layout.dtype == at::kDouble ? 1e-13 : 1e-6;
  const double gradient_tolerance = layout.dtype == at::kDouble ? 1e-12 : 1e-5;
  const at::Tensor region = (normal("region", pixels) > 0);
  for (const at::Tensor& table : {u, at::Tensor()}) {
    for (const at::Tensor& mask :
         {at::Tensor(), region, region.to(at::kLong), normal("w", pixels).abs()}) {
      const Result fused = run(cross_entropy_with_offsets, z, y, table, mask);
      const Result twin = run(cross_entropy_with_offsets_composed, z, y, table, mask);
      EXPECT_LE(deviation(fused.loss, twin.loss), loss_tolerance);
      EXPECT_LE(deviation(fused.logits, twin.logits), gradient_tolerance);
      EXPECT_EQ(fused.logits.strides(), z.strides());
      if (table.defined()) {
        EXPECT_LE(deviation(fused.table, twin.table), gradient_tolerance);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Loss, FusedLoss,
    testing::Values(TensorLayout{"Float64", at::kDouble, {2, 4, 70, 70}},
                    TensorLayout{"TwoClasses", at::kFloat, {2, 2, 70, 71}},
                    TensorLayout{"FourClasses", at::kFloat, {2, 4, 70, 71}},
                    TensorLayout{"Volume", at::kFloat, {2, 14, 9, 20, 30}},
                    TensorLayout{"ManyClasses", at::kFloat, {1, 37, 30, 30}},
                    TensorLayout{"ChannelsLast", at::kFloat, {2, 4, 70, 71}, true},
                    TensorLayout{"ChannelsLast3d", at::kDouble, {2, 3, 9, 20, 30}, true},
                    TensorLayout{"OnePixelEach", at::kFloat, {50, 4}},
                    TensorLayout{"OneTilePlusOne", at::kFloat, {1, 4, 257}},
                    TensorLayout{"OneBlockPlusOne", at::kFloat, {1, 4, 4097}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(FusedLoss, OfBFloat16LogitsIsComputedInFloat32) {
  const at::Tensor z = normal("z", {2, 4, 30, 30}).to(at::kBFloat16),
                   y = labels("y", {2, 30, 30}, 4);
  const Result found = run(cross_entropy_with_offsets, z, y, random_table(4), {});
  const Result wide = run(cross_entropy_with_offsets, z.to(at::kFloat), y, random_table(4), {});
  EXPECT_TRUE(at::equal(found.loss, wide.loss.to(at::kBFloat16)));
  EXPECT_EQ(found.logits.scalar_type(), at::kBFloat16);
  EXPECT_LE(deviation(found.logits, wide.logits), 4e-3);
}

TEST(FusedLoss, OfSlicedAndExpandedArgumentsEqualsThatOfTheirCopies) {
  const at::Tensor z = normal("z", {2, 4, 40, 40}).slice(3, 5, 35),
                   y = labels("y", {2, 40, 40}, 4).slice(2, 5, 35);
  const at::Tensor mask = (normal("m", {40, 30}) > 0).expand({2, 40, 30});
  const Result view = run(cross_entropy_with_offsets, z, y, random_table(4), mask);
  const Result copy = run(cross_entropy_with_offsets, z.contiguous(), y.contiguous(),
                          random_table(4), mask.contiguous());
  EXPECT_TRUE(at::equal(view.loss, copy.loss));
  EXPECT_TRUE(at::equal(view.logits, copy.logits));
}

// The first pass has no pixel that counts.
TEST(FusedLoss, OfSeveralPassesEqualsThatOfTheirPixelsTogether) {
  const at::Tensor z = normal("z", {5, 4, 20, 20});
  at::Tensor y = labels("y", {5, 20, 20}, 4);
  y[0].fill_(kIgnoreLabel);
  const auto of_passes = [](const at::Tensor& logits, const at::Tensor& label,
                            const at::Tensor& table, const at::Tensor&, const Communicator& comm) {
    return cross_entropy_of_passes({{logits.slice(0, 0, 1), label.slice(0, 0, 1), table},
                                    {logits.slice(0, 1, 3), label.slice(0, 1, 3), table},
                                    {logits.slice(0, 3), label.slice(0, 3), table}},
                                   comm);
  };
  const Result whole = run(cross_entropy_with_offsets, z, y, random_table(4), {}),
               passes = run(of_passes, z, y, random_table(4), {});
  EXPECT_LE(deviation(passes.loss, whole.loss), 1e-14);
  EXPECT_TRUE(at::equal(passes.logits, whole.logits));
  EXPECT_LE(deviation(passes.table, whole.table), 1e-14);
}

TEST(FusedLoss, SumsTheTablesGradientByClass) {
  const at::Tensor z = normal("z", {2, 4, 30, 30}), y = labels("y", {2, 30, 30}, 4);
  const Result found = run(cross_entropy_with_offsets, z, y, random_table(4), {});
  const at::Tensor residual = found.logits.movedim(1, -1).reshape({-1, 4}), pixel = y.reshape(-1);
  const at::Tensor is_class = (pixel.unsqueeze(1) == at::arange(4)).to(at::kDouble);
  EXPECT_LE(deviation(found.table, at::matmul(is_class.t(), residual)), 1e-14);
}

TEST(FusedLoss, HasTheSameBitsAgainAndOnAnyNumberOfThreads) {
  const at::Tensor z = normal("z", {3, 4, 100, 90}).to(at::kFloat),
                   y = labels("y", {3, 100, 90}, 4);
  const int before = at::get_num_threads();
  std::vector<Result> results;
  for (const int threads : {1, 2, 3, 3, 2, 1}) {
    at::set_num_threads(threads);
    results.push_back(run(cross_entropy_with_offsets, z, y, random_table(4), {}));
  }
  at::set_num_threads(before);
  for (const Result& r : results) {
    EXPECT_TRUE(at::equal(r.loss, results[0].loss));
    EXPECT_TRUE(at::equal(r.logits, results[0].logits));
    EXPECT_TRUE(at::equal(r.table, results[0].table));
  }
}

TEST(FusedLoss, HandlesLogitsFarApart) {
  const at::Tensor z =
      at::tensor({1000.0f, 0.0f, -1000.0f, 0.0f, 1000.0f, 1000.0f}).view({1, 3, 2});
  const at::Tensor y = at::tensor({0, 1}, at::kLong).view({1, 2});
  const Result found = run(cross_entropy_with_offsets, z, y, {}, {});
  EXPECT_FLOAT_EQ(found.loss.item<float>(), static_cast<float>(std::log(2.0) / 2 + 500));
  EXPECT_TRUE(found.logits.isfinite().all().item<bool>());
}

TEST(FusedLoss, PassesNanAndInfinityOn) {
  const at::Tensor y = at::zeros({1, 3}, at::kLong);
  for (const double bad : {std::nan(""), static_cast<double>(INFINITY)}) {
    for (const auto dtype : {at::kFloat, at::kDouble}) {
      at::Tensor z = at::zeros({1, 2, 3}, dtype);
      z[0][1][1] = bad;
      EXPECT_TRUE(std::isnan(run(cross_entropy_with_offsets, z, y, {}, {}).loss.item<double>()));
    }
  }
}

TEST(FusedLoss, CanBeDifferentiatedTwiceOverTheSameGraph) {
  const at::Tensor z = leaf(normal("z", {1, 3, 50}));
  const at::Tensor loss = cross_entropy_with_offsets(z, labels("y", {1, 50}, 3), random_table(3),
                                                     {}, *make_serial_communicator());
  loss.backward({}, /*retain_graph=*/true);
  const at::Tensor first = z.grad().clone();
  loss.backward();
  EXPECT_TRUE(at::equal(z.grad(), 2 * first));
}

TEST(FusedLoss, RefusesALabelThatIsNoClassWhereThePixelCounts) {
  at::Tensor y = at::zeros({1, 4}, at::kLong);
  y[0][2] = 2;
  const at::Tensor z = at::zeros({1, 2, 4});
  EXPECT_THROW(run(cross_entropy_with_offsets, z, y, {}, {}), Error);
  const at::Tensor mask = at::tensor({1, 1, 0, 1}, at::kLong).view({1, 4});
  EXPECT_FLOAT_EQ(run(cross_entropy_with_offsets, z, y, {}, mask).loss.item<float>(),
                  std::log(2.0f));
}

// --- 17: pixels that do not count

TEST(FusedLoss, DoesNotSeePixelsThatDoNotCount) {
  const at::Tensor y = labels("y", {2, 20, 20}, 4), mask = normal("m", {2, 20, 20}) > 0;
  const at::Tensor off = (y == kIgnoreLabel).logical_or(mask.logical_not()).unsqueeze(1);
  const at::Tensor z = normal("z", {2, 4, 20, 20}), broken = at::where(off, std::nan(""), z);
  for (const LossFunction function :
       {cross_entropy_with_offsets, cross_entropy_with_offsets_composed}) {
    const Result clean = run(function, z, y, random_table(4), mask),
                 found = run(function, broken, y, random_table(4), mask);
    EXPECT_TRUE(at::equal(found.loss, clean.loss));
    EXPECT_TRUE(at::equal(found.logits, clean.logits));
    EXPECT_TRUE(at::equal(found.table, clean.table));
    EXPECT_EQ(at::where(off, found.logits, 0.0).abs().max().item<double>(), 0);
  }
}

TEST(FusedLoss, OfNoPixelIsZeroWithZeroGradients) {
  const at::Tensor y = at::full({2, 20, 20}, kIgnoreLabel, at::kLong),
                   z = normal("z", {2, 4, 20, 20});
  for (const LossFunction function :
       {cross_entropy_with_offsets, cross_entropy_with_offsets_composed}) {
    for (const at::Tensor& label : {y, at::zeros_like(y)}) {
      const Result found = run(function, z, label, random_table(4), at::zeros_like(y));
      EXPECT_EQ(found.loss.item<double>(), 0);
      EXPECT_EQ(found.logits.abs().max().item<double>(), 0);
      EXPECT_EQ(found.table.abs().max().item<double>(), 0);
    }
  }
}

TEST(FusedLoss, OfAnEmptyShareIsZero) {
  const Result found =
      run(cross_entropy_with_offsets, at::zeros({0, 4, 5}), at::zeros({0, 5}, at::kLong), {}, {});
  EXPECT_EQ(found.loss.item<float>(), 0);
}

// --- 20: a table of zeros

TEST(FusedLoss, WithATableOfZerosHasTheBitsOfNone) {
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    for (const int64_t classes : {2, 4, 14}) {
      const at::Tensor z = (3 * normal("z", {2, classes, 70, 71})).to(dtype),
                       y = labels("y", {2, 70, 71}, classes);
      const Result plain = run(cross_entropy_with_offsets, z, y, {}, {});
      const Result zeros =
          run(cross_entropy_with_offsets, z, y, at::zeros({classes, classes}, at::kDouble), {});
      EXPECT_TRUE(at::equal(zeros.loss, plain.loss));
      EXPECT_TRUE(at::equal(zeros.logits, plain.logits));
    }
  }
}

TEST(FusedLoss, WithLambdaZeroLeavesATrainingAsItIs) {
  const at::Tensor x = normal("x", {2, 5, 20, 20}).to(at::kFloat), y = labels("y", {2, 20, 20}, 3);
  const ClassStatistics from = statistics("from", 3, 5), to = statistics("to", 3, 5);
  const auto train = [&](bool with_table) {
    const at::Tensor weight = leaf(normal("w", {3, 5}).to(at::kFloat)), bias = leaf(at::zeros({3}));
    for (int step = 0; step < 20; ++step) {
      const at::Tensor table =
          with_table ? offset_table(weight, from, to, 0, {}).table : at::Tensor();
      const at::Tensor loss = cross_entropy_with_offsets(head(x, weight, bias), y, table, {},
                                                         *make_serial_communicator());
      const auto grads = gradients(loss, {weight, bias});
      weight.data().sub_(grads[0], 0.1);
      bias.data().sub_(grads[1], 0.1);
    }
    return at::cat({weight.detach(), bias.detach().unsqueeze(1)}, 1);
  };
  EXPECT_TRUE(at::equal(train(true), train(false)));
}

// --- 12: ranks

class RanksOfLoss : public testing::TestWithParam<int> {};

// Shares of one sample, the last rank the rest; sample 0 is ignored, so that counts differ.
TEST_P(RanksOfLoss, HoldThatOfOneRankAndItsGradients) {
  const int ranks = GetParam();
  const at::Tensor z = normal("z", {9, 4, 12, 12});
  at::Tensor y = labels("y", {9, 12, 12}, 4);
  y[0].fill_(kIgnoreLabel);
  const Result whole = run(cross_entropy_with_offsets, z, y, random_table(4), {});
  std::vector<Result> found(static_cast<size_t>(ranks));
  run_ranks(ranks, [&](const Communicator& comm) {
    const int64_t first = comm.rank(), size = comm.rank() == ranks - 1 ? 9 - first : 1;
    found[static_cast<size_t>(comm.rank())] =
        run(cross_entropy_with_offsets, z.narrow(0, first, size), y.narrow(0, first, size),
            random_table(4), {}, comm);
  });
  std::vector<at::Tensor> logits;
  at::Tensor table = at::zeros_like(whole.table);
  for (const Result& r : found) {
    EXPECT_LE(deviation(r.loss, whole.loss), 1e-13);
    logits.push_back(r.logits);
    table += r.table;
  }
  EXPECT_LE(deviation(at::cat(logits), whole.logits), 1e-13);
  EXPECT_LE(deviation(table, whole.table), 1e-13);
}

INSTANTIATE_TEST_SUITE_P(Ranks, RanksOfLoss, testing::Values(1, 2, 3, 4, 8));

}  // namespace
}  // namespace semiseg
