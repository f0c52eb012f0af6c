// SPDX-License-Identifier: Apache-2.0
// The loss bounds an expectation: oracle 7 of the specification, by Monte Carlo in float64.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/tsa/tsa_problem.h"

namespace semiseg {
namespace {

// One pixel and its expected loss over δ ~ N(λd, λΣ), with antithetic pairs of draws.
struct MonteCarlo {
  double mean, standard_error;
};

MonteCarlo expected_loss(const TsaProblem& p, const at::Tensor& x, int64_t y, int64_t pairs) {
  const at::NoGradGuard no_grad;
  const at::Tensor root = at::linalg_cholesky(p.to.covariance[y]);
  const at::Tensor noise =
      std::sqrt(p.lambda) * at::matmul(normal("monte_carlo", {pairs, x.size(0)}), root.t());
  const at::Tensor centre = x + p.lambda * (p.to.mean - p.from.mean)[y],
                   label = at::full({pairs}, y, at::kLong);
  const auto loss = [&](const at::Tensor& features) {
    return at::cross_entropy_loss(at::matmul(features, p.weight.t()) + p.bias, label, {},
                                  at::Reduction::None);
  };
  const at::Tensor pair = 0.5 * (loss(centre + noise) + loss(centre - noise));
  return {pair.mean().item<double>(),
          pair.std().item<double>() / std::sqrt(static_cast<double>(pairs))};
}

double bound(const TsaProblem& p, const at::Tensor& x, int64_t y) {
  const at::NoGradGuard no_grad;
  const at::Tensor z = (at::matmul(p.weight, x) + p.bias).view({1, 4, 1});
  return cross_entropy_with_offsets(z, at::full({1, 1}, y, at::kLong), p.table(), {},
                                    *make_serial_communicator())
      .item<double>();
}

class Bound : public testing::TestWithParam<double> {};

TEST_P(Bound, IsNotBelowTheExpectedLoss) {
  TsaProblem p;
  p.lambda = GetParam();
  for (int64_t pixel = 0; pixel < 4; ++pixel) {
    const at::Tensor x = p.feature.detach()[0].flatten(1).select(1, 7 * pixel).contiguous();
    const MonteCarlo found = expected_loss(p, x, pixel, 40000);
    EXPECT_LE(found.mean, bound(p, x, pixel) + 3 * found.standard_error);
  }
}

INSTANTIATE_TEST_SUITE_P(Lambda, Bound, testing::Values(0.01, 0.1, 0.3, 1.0));

TEST(Bound, ExceedsTheExpectedLossByTheFirstOrderGap) {
  TsaProblem p;
  p.lambda = 0.01;
  const at::NoGradGuard no_grad;
  const at::Tensor x = p.feature[0].flatten(1).select(1, 3).contiguous();
  const int64_t y = 1;
  const at::Tensor delta = p.weight - p.weight[y],
                   shift = at::matmul(delta, (p.to.mean - p.from.mean)[y]);
  const at::Tensor soft = (at::matmul(p.weight, x) + p.bias + p.lambda * shift).softmax(0);
  const at::Tensor m = at::matmul(soft, delta);
  const double gap = 0.5 * at::dot(m, at::matmul(p.to.covariance[y], m)).item<double>();
  const MonteCarlo found = expected_loss(p, x, y, 200000);
  EXPECT_NEAR((bound(p, x, y) - found.mean) / p.lambda, gap,
              0.03 * gap + 4 * found.standard_error / p.lambda);
}

TEST(Bound, TendsToTheCrossEntropyWithLambda) {
  TsaProblem p;
  const at::Tensor x = p.feature.detach()[0].flatten(1).select(1, 3).contiguous();
  p.lambda = 0;
  const double plain = bound(p, x, 1);
  for (const double lambda : {1e-2, 1e-4, 1e-6}) {
    p.lambda = lambda;
    EXPECT_NEAR(bound(p, x, 1), plain, 200 * lambda);
    EXPECT_NEAR(expected_loss(p, x, 1, 4000).mean, plain, 200 * lambda);
  }
}

}  // namespace
}  // namespace semiseg
