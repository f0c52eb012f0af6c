// SPDX-License-Identifier: Apache-2.0
// Tests what changes the loss of a table and what does not: oracles 9 and 10 of the specification.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tests/tsa/tsa_problem.h"

namespace semiseg {
namespace {

// --- 9: invariances

TEST(Table, FollowsAPermutationOfTheClasses) {
  const TsaProblem p;
  const at::Tensor order = at::tensor({2, 0, 3, 1}, at::kLong), place = order.argsort();
  const auto permuted = [&](const ClassStatistics& s) {
    return ClassStatistics{s.count.index_select(0, order), s.mean.index_select(0, order),
                           s.covariance.index_select(0, order)};
  };
  TsaProblem q;
  q.weight = p.weight.detach().index_select(0, order).set_requires_grad(true);
  q.bias = p.bias.detach().index_select(0, order).set_requires_grad(true);
  q.from = permuted(p.from);
  q.to = permuted(p.to);
  const at::Tensor safe = at::where(p.label == kIgnoreLabel, 0, p.label);
  q.label = at::where(p.label == kIgnoreLabel, p.label,
                      place.index_select(0, safe.flatten()).view(p.label.sizes()));
  EXPECT_LE(deviation(q.loss().detach(), p.loss().detach()), 1e-13);
  const auto of_p = gradients(p.loss(), leaves(p)), of_q = gradients(q.loss(), leaves(q));
  EXPECT_LE(deviation(of_q[0], of_p[0]), 1e-12);
  EXPECT_LE(deviation(of_q[1], of_p[1].index_select(0, order)), 1e-12);
  EXPECT_LE(deviation(of_q[2], of_p[2].index_select(0, order)), 1e-12);
}

double loss_of(const TsaProblem& p) { return p.loss().item<double>(); }

TEST(Table, DoesNotChangeWhenAllClassesGetTheSameWeight) {
  const TsaProblem p;
  TsaProblem q;
  q.weight = p.weight.detach() + normal("a", {5});
  EXPECT_NEAR(loss_of(q), loss_of(p), 1e-12);
}

TEST(Table, DoesNotChangeWhenFeaturesAreMoved) {
  const TsaProblem p;
  TsaProblem q;
  const at::Tensor c = normal("c", {5});
  q.feature = p.feature.detach() + c.view({5, 1, 1});
  q.from.mean = p.from.mean + c;
  q.to.mean = p.to.mean + c;
  q.bias = p.bias.detach() - at::matmul(p.weight.detach(), c);
  EXPECT_NEAR(loss_of(q), loss_of(p), 1e-12);
}

TEST(Table, DoesNotChangeWhenFeaturesAreMappedInvertibly) {
  const TsaProblem p;
  TsaProblem q;
  const at::Tensor r = normal("r", {5, 5}) + 3 * at::eye(5, at::kDouble);
  q.feature = at::matmul(r, p.feature.detach().flatten(2)).view(p.feature.sizes());
  q.weight = at::matmul(p.weight.detach(), at::linalg_inv(r));
  q.from.mean = at::matmul(p.from.mean, r.t());
  q.to.mean = at::matmul(p.to.mean, r.t());
  q.to.covariance = at::matmul(at::matmul(r, p.to.covariance), r.t());
  EXPECT_NEAR(loss_of(q), loss_of(p), 1e-11);
}

// --- 10: monotonicity

TEST(Table, OfCovariancesNeverLowersTheLossAsTheyGrow) {
  TsaProblem p;
  p.options.augmentation = Augmentation::kCovarianceOnly;
  double last = -1;
  for (const double lambda : {0.0, 0.1, 0.2, 0.5, 1.0, 2.0}) {
    p.lambda = lambda;
    EXPECT_GE(loss_of(p), last);
    last = loss_of(p);
  }
  for (int step = 0; step < 4; ++step) {
    const at::Tensor v = normal("v" + std::to_string(step), {4, 5, 2});
    p.to.covariance = p.to.covariance + at::matmul(v, v.transpose(1, 2));
    EXPECT_GE(loss_of(p), last);
    last = loss_of(p);
  }
}

TEST(Table, CountsAndClampsFormsBelowZero) {
  TsaProblem p;
  p.options.augmentation = Augmentation::kCovarianceOnly;
  p.to.covariance = -p.to.covariance;
  const OffsetTable broken = offset_table(p.weight, p.from, p.to, 1, p.options);
  EXPECT_EQ(broken.clamped.item<int64_t>(), 12);
  EXPECT_EQ(broken.table.detach().abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace semiseg
