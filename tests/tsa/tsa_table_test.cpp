// SPDX-License-Identifier: Apache-2.0
// The offset table: oracles 1 to 6, 8, 16 and 18 of the specification, in float64.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/tsa/tsa_problem.h"

namespace semiseg {
namespace {

void expect_equal_gradients(const at::Tensor& a, const at::Tensor& b, const TsaProblem& p,
                            double tolerance) {
  EXPECT_LE(deviation(a.detach(), b.detach()), tolerance);
  const auto of_a = gradients(a, leaves(p)), of_b = gradients(b, leaves(p));
  for (size_t i = 0; i < of_a.size(); ++i) EXPECT_LE(deviation(of_a[i], of_b[i]), tolerance);
}

// [n,A] and [n] of the pixels that count.
struct CountingPixels {
  at::Tensor x, y;
};

CountingPixels counting(const TsaProblem& p) {
  const at::Tensor place = (p.label.reshape(-1) != kIgnoreLabel).nonzero().squeeze(1);
  return {p.feature.movedim(1, -1).reshape({-1, p.feature.size(1)}).index_select(0, place),
          p.label.reshape(-1).index_select(0, place)};
}

// --- 1: without augmentation it is the cross entropy

TEST(Table, OfLambdaZeroLeavesTheCrossEntropy) {
  TsaProblem p;
  p.lambda = 0;
  expect_equal_gradients(p.loss(), plain_loss(p.logits(), p.label), p, 1e-12);
}

TEST(Table, OfEqualMeansAndNoCovarianceLeavesTheCrossEntropy) {
  TsaProblem p;
  p.from.mean = p.to.mean;
  p.to.covariance = at::zeros_like(p.to.covariance);
  expect_equal_gradients(p.loss(), plain_loss(p.logits(), p.label), p, 1e-12);
}

TEST(Table, OfClassesWithTooFewPixelsLeavesTheCrossEntropy) {
  TsaProblem p;
  p.options.min_count = 1001;
  expect_equal_gradients(p.loss(), plain_loss(p.logits(), p.label), p, 1e-12);
}

TEST(Table, ThatIsOffLeavesTheCrossEntropy) {
  TsaProblem p;
  p.options.augmentation = Augmentation::kOff;
  expect_equal_gradients(p.loss(), plain_loss(p.logits(), p.label), p, 1e-12);
}

// --- 2: the references' formulation, with matrices of each pixel

at::Tensor brute_force_loss(const TsaProblem& p) {
  const CountingPixels pixels = counting(p);
  const int64_t n = pixels.y.size(0), classes = p.weight.size(0), features = p.weight.size(1);
  const at::Tensor own = p.weight.index_select(0, pixels.y).unsqueeze(1);               // [n,1,A]
  const at::Tensor delta = p.weight.unsqueeze(0).expand({n, classes, features}) - own;  // [n,C,A]
  const at::Tensor covariance = p.to.covariance.index_select(0, pixels.y);              // [n,A,A]
  const at::Tensor shift =
      (p.to.mean - p.from.mean).index_select(0, pixels.y).unsqueeze(2);  // [n,A,1]
  const at::Tensor spread =
      at::bmm(at::bmm(delta, covariance), delta.transpose(1, 2)).diagonal(0, 1, 2);
  const at::Tensor z = at::matmul(pixels.x, p.weight.t()) + p.bias;
  const at::Tensor moved =
      z + p.lambda * at::bmm(delta, shift).squeeze(2) + 0.5 * p.lambda * spread;
  return at::cross_entropy_loss(moved, pixels.y);
}

TEST(Table, EqualsExplicitMatricesOfEachPixel) {
  for (const int64_t classes : {2, 4, 14}) {
    const TsaProblem p(classes, 6);
    expect_equal_gradients(p.loss(), brute_force_loss(p), p, 1e-10);
  }
}

// --- 3: forms of the table

TEST(Table, HasADiagonalOfZerosAndEqualsItsFormInLogitCovariances) {
  const TsaProblem p;
  const at::NoGradGuard no_grad;
  const at::Tensor u = p.table();
  EXPECT_EQ(u.diagonal().abs().max().item<double>(), 0);
  const at::Tensor d = p.to.mean - p.from.mean;
  for (int64_t y = 0; y < 4; ++y) {
    const at::Tensor k = at::matmul(at::matmul(p.weight, p.to.covariance[y]), p.weight.t());
    const at::Tensor eta = at::matmul(p.weight, d[y]), spread = k.diagonal();
    const at::Tensor expected =
        p.lambda * (eta - eta[y]) + 0.5 * p.lambda * (spread - 2 * k[y] + spread[y]);
    EXPECT_LE(deviation(u[y], expected), 1e-10);
  }
}

TEST(Table, OfFeaturesEqualsThatOfTheirLogits) {
  const TsaProblem p;
  const at::NoGradGuard no_grad;
  const auto memory_of = [&](const at::Tensor& x) {
    ClassMemory memory(4, x.size(1), {.kind = MemoryOptions::Kind::kBatchOnly});
    memory.update(memory.sums(x, p.label));
    return memory.statistics();
  };
  const at::Tensor moved = p.feature * 1.5 + 0.2, z = p.logits();
  const at::Tensor z_moved =
      at::matmul(p.weight, moved.flatten(2)).view(z.sizes()) + p.bias.view({4, 1, 1});
  const OffsetOptions options{.min_count = 0};
  const at::Tensor by_features =
      offset_table(p.weight, memory_of(p.feature), memory_of(moved), 0.3, options).table;
  const at::Tensor by_logits =
      offset_table(at::eye(4, at::kDouble), memory_of(z), memory_of(z_moved), 0.3, options).table;
  EXPECT_LE(deviation(by_features, by_logits), 1e-10);
}

// --- 4, 5: gradients

// Central differences of the loss in each element of a leaf.
at::Tensor differences(const TsaProblem& p, const at::Tensor& leaf) {
  const at::NoGradGuard no_grad;
  const double step = 1e-6;
  at::Tensor result = at::zeros_like(leaf);
  double* x = leaf.data_ptr<double>();
  for (int64_t i = 0; i < leaf.numel(); ++i) {
    const double value = x[i];
    x[i] = value + step;
    const double above = p.loss().item<double>();
    x[i] = value - step;
    const double below = p.loss().item<double>();
    x[i] = value;
    result.view(-1)[i] = (above - below) / (2 * step);
  }
  return result;
}

TEST(Table, HasTheGradientsOfCentralDifferences) {
  for (const int64_t classes : {2, 4}) {
    const TsaProblem p(classes, 3);
    const auto found = gradients(p.loss(), leaves(p));
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_LE(deviation(found[i], differences(p, leaves(p)[i])), 1e-8);
  }
}

// dW of the table's path: the loss with logits held.
at::Tensor table_gradient(const TsaProblem& p) {
  const at::Tensor loss = cross_entropy_with_offsets(p.logits().detach(), p.label, p.table(), {},
                                                     *make_serial_communicator());
  return gradients(loss, {p.weight})[0];
}

at::Tensor residual_sums(const TsaProblem& p) {  // G [C,C]
  const at::Tensor u = p.table().detach().set_requires_grad(true);
  const at::Tensor loss =
      cross_entropy_with_offsets(p.logits().detach(), p.label, u, {}, *make_serial_communicator());
  return gradients(loss, {u})[0];
}

TEST(Table, PassesTheClosedFormToTheWeights) {
  const TsaProblem p;
  const at::Tensor g = residual_sums(p), d = p.to.mean - p.from.mean;
  at::Tensor expected = at::zeros_like(p.weight.detach());
  for (int64_t y = 0; y < 4; ++y) {
    for (int64_t j = 0; j < 4; ++j) {
      const at::Tensor delta = p.weight.detach()[j] - p.weight.detach()[y];
      const at::Tensor v = p.lambda * (d[y] + at::matmul(p.to.covariance[y], delta));
      expected[j] += g[y][j] * v;
      expected[y] -= g[y][j] * v;
    }
  }
  EXPECT_LE(deviation(table_gradient(p), expected), 1e-12);
}

TEST(Table, HasGradientsThatSumToZeroOverClasses) {
  const TsaProblem p;
  const auto found = gradients(p.loss(), leaves(p));
  EXPECT_LE(table_gradient(p).sum(0).abs().max().item<double>(), 1e-14);
  EXPECT_LE(found[1].sum(0).abs().max().item<double>(), 1e-14);
  EXPECT_LE(found[2].sum().abs().item<double>(), 1e-14);
}

TEST(Table, PassesNoGradientToAMemory) {
  TsaProblem p;
  ClassMemory memory(4, 5, {});
  memory.update(memory.sums(p.feature, p.label));
  EXPECT_FALSE(memory.statistics().mean.requires_grad());
  EXPECT_FALSE(memory.statistics().covariance.requires_grad());
}

TEST(Table, WouldPassTheClosedFormToStatisticsThatRequireIt) {
  TsaProblem p;
  p.to.mean.set_requires_grad(true);
  p.to.covariance.set_requires_grad(true);
  const auto found = gradients(p.loss(), {p.to.mean, p.to.covariance});
  const at::Tensor g = residual_sums(p);
  const at::NoGradGuard no_grad;
  const at::Tensor delta = p.weight.unsqueeze(0) - p.weight.unsqueeze(1);
  EXPECT_LE(deviation(found[0], p.lambda * at::matmul(g.unsqueeze(1), delta).squeeze(1)), 1e-12);
  const at::Tensor outer = at::matmul(delta.transpose(1, 2), g.unsqueeze(2) * delta);
  EXPECT_LE(deviation(found[1], 0.5 * p.lambda * outer), 1e-12);
}

TEST(Table, WithoutGradientLeavesTheLossAndTheDirectPart) {
  TsaProblem p, detached;
  detached.options.table_gradient = false;
  const at::Tensor loss = p.loss(), without = detached.loss();
  EXPECT_EQ(loss.item<double>(), without.item<double>());
  const auto full = gradients(loss, leaves(p)), direct = gradients(without, leaves(detached));
  EXPECT_LE(deviation(full[0], direct[0]), 1e-15);
  EXPECT_LE(deviation(full[1] - table_gradient(p), direct[1]), 1e-12);
  EXPECT_GT(deviation(full[1], direct[1]), 1e-3);
}

// --- 6, 8: closed forms

TEST(Table, OfMeansOnlyIsTheCrossEntropyOfShiftedFeatures) {
  TsaProblem p;
  p.options.augmentation = Augmentation::kMeanOnly;
  const CountingPixels pixels = counting(p);
  const at::Tensor shifted =
      pixels.x + p.lambda * (p.to.mean - p.from.mean).index_select(0, pixels.y);
  const at::Tensor expected =
      at::cross_entropy_loss(at::matmul(shifted, p.weight.t()) + p.bias, pixels.y);
  EXPECT_LE(deviation(p.loss().detach(), expected.detach()), 1e-14);
}

TEST(Table, OfTwoClassesIsASoftplus) {
  const TsaProblem p(2, 3);
  const at::Tensor u = p.table(), z = p.logits(), is_second = p.label == 1,
                   counts = p.label != kIgnoreLabel;
  const at::Tensor margin = z.select(1, 1) - z.select(1, 0);
  const at::Tensor of_pixel = at::where(is_second, -margin + u[1][0], margin + u[0][1]);
  const at::Tensor expected =
      at::where(counts, at::softplus(of_pixel, 1, 1000), 0.0).sum() / counts.sum();
  expect_equal_gradients(p.loss(), expected, p, 1e-12);
}

// --- 16: too few pixels

TEST(Table, OpensARowExactlyWhenBothCountsAreReached) {
  TsaProblem p;
  p.options.min_count = 50;
  p.from.count = at::tensor({50, 49, 50, 1000}, at::kLong);
  p.to.count = at::tensor({50, 50, 49, 1000}, at::kLong);
  const OffsetTable found = offset_table(p.weight, p.from, p.to, p.lambda, p.options);
  EXPECT_TRUE(at::equal(found.active, at::tensor({1, 0, 0, 1}, at::kLong).to(at::kBool)));
  EXPECT_EQ(found.table[1].detach().abs().max().item<double>(), 0);
  EXPECT_EQ(found.table[2].detach().abs().max().item<double>(), 0);
  EXPECT_GT(found.table[0].detach().abs().max().item<double>(), 0);
}

TEST(Table, NeedsTenPixelsForEachFeatureByDefault) {
  TsaProblem p;
  p.from.count = at::tensor({49, 50, 51, 50}, at::kLong);
  EXPECT_TRUE(at::equal(offset_table(p.weight, p.from, p.to, 1, {}).active,
                        at::tensor({0, 1, 1, 1}, at::kLong).to(at::kBool)));
}

TEST(Table, OfAnEmptyTargetClassDoesNotShiftTowardsTheOrigin) {
  TsaProblem p;
  ClassMemory empty(4, 5, {});
  const OffsetTable found = offset_table(p.weight, p.from, empty.statistics(), 1, {});
  EXPECT_EQ(found.table.detach().abs().max().item<double>(), 0);
}

// --- 18: who gets a gradient

TEST(Table, OfDetachedTeacherFeaturesTrainsTheHeadAlone) {
  TsaProblem p;
  const at::Tensor encoder = normal("encoder", {5, 5}).set_requires_grad(true);
  const auto run = [&](bool teacher) {
    const at::Tensor seen = at::matmul(encoder, p.feature.detach().flatten(2));
    p.feature = (teacher ? seen.detach() : seen).view({2, 5, 6, 5});
    return gradients(p.loss(), {encoder, p.weight, p.bias});
  };
  const auto teacher = run(true), student = run(false);
  EXPECT_EQ(teacher[0].abs().max().item<double>(), 0);
  EXPECT_GT(teacher[1].abs().max().item<double>(), 0);
  for (const at::Tensor& gradient : student) EXPECT_GT(gradient.abs().max().item<double>(), 0);
}

TEST(Table, RefusesAClassifierThatDoesNotFitTheStatistics) {
  const TsaProblem p;
  EXPECT_THROW(offset_table(normal("w", {4, 6}), p.from, p.to, 1, {}), Error);
}

}  // namespace
}  // namespace semiseg
