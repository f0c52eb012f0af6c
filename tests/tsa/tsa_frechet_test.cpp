// SPDX-License-Identifier: Apache-2.0
// The Fréchet distance of class statistics against closed forms, and between the domains of a
// memory on several ranks.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "framework/methods/tsa/frechet_distance.h"
#include "tests/tsa/tsa_ranks.h"

namespace semiseg {
namespace {

// Statistics [C,A] with these variances along the columns of an orthogonal matrix.
ClassStatistics gaussians(const at::Tensor& mean, const at::Tensor& variance,
                          const at::Tensor& axes) {
  return {at::full({mean.size(0)}, 1000, at::kLong), mean,
          at::matmul(at::matmul(axes, at::diag_embed(variance)), axes.transpose(-1, -2))};
}

// With common axes d² = |μ_1 − μ_2|² + Σ_a (σ_1a − σ_2a)².
TEST(FrechetDistance, OfGaussiansWithCommonAxesIsThatOfTheirDeviations) {
  const at::Tensor axes = std::get<0>(at::linalg_qr(normal("axes", {6, 6})));
  const at::Tensor deviation_one = normal("one", {4, 6}).abs(),
                   deviation_other = normal("other", {4, 6}).abs();
  const ClassStatistics one = gaussians(normal("m1", {4, 6}), deviation_one.square(), axes),
                        other = gaussians(normal("m2", {4, 6}), deviation_other.square(), axes);
  const at::Tensor expected =
      ((one.mean - other.mean).square().sum(1) + (deviation_one - deviation_other).square().sum(1))
          .sqrt();
  EXPECT_LE(deviation(frechet_distance(one, other), expected), 1e-10);
}

// For two features and S = Σ_1 Σ_2: tr S^½ = √(tr S + 2 √det S).
TEST(FrechetDistance, OfTwoFeaturesIsItsClosedForm) {
  const ClassStatistics one = statistics("one", 5, 2), other = statistics("other", 5, 2);
  const at::Tensor product = at::matmul(one.covariance, other.covariance);
  const auto trace = [](const at::Tensor& m) { return m.diagonal(0, 1, 2).sum(1); };
  const at::Tensor common = (trace(product) + 2 * at::linalg_det(product).sqrt()).sqrt();
  const at::Tensor expected = ((one.mean - other.mean).square().sum(1) + trace(one.covariance) +
                               trace(other.covariance) - 2 * common)
                                  .sqrt();
  EXPECT_LE(deviation(frechet_distance(one, other), expected), 1e-9);
}

TEST(FrechetDistance, IsSymmetricAndThatOfTheMeansForEqualCovariances) {
  const ClassStatistics one = statistics("one", 4, 6), other = statistics("other", 4, 6);
  EXPECT_LE(deviation(frechet_distance(one, other), frechet_distance(other, one)), 1e-10);
  ClassStatistics moved = one;
  moved.mean = one.mean + 3;
  EXPECT_LE(deviation(frechet_distance(one, moved), at::full({4}, 3 * std::sqrt(6.0), at::kDouble)),
            1e-10);
  // Rounding under a root.
  EXPECT_LE(frechet_distance(one, one).max().item<double>(), 1e-6);
}

using Numbers = std::vector<std::pair<std::string, double>>;

Numbers distances_on_rank(const Communicator& comm, SumOrder order, int64_t least) {
  const RankFeed feed;
  TsaMemory memory = feed.memory({.order = order, .domains = RankFeed::kDomains});
  feed.steps(memory, comm, 0, 3);
  return domain_distances(memory, 0, 1, {"A", "B", "C"}, least);
}

TEST(DomainDistances, AreEqualOnOneToThreeRanks) {
  for (const SumOrder order : kSumOrders) {
    const auto run = [&](const Communicator& comm) { return distances_on_rank(comm, order, 1); };
    const Numbers whole = on_ranks(1, run)[0];
    ASSERT_EQ(whole.size(), 6 * 4u);
    for (const int ranks : {2, 3}) {
      for (const Numbers& found : on_ranks(ranks, run)) {
        ASSERT_EQ(found.size(), whole.size());
        for (size_t i = 0; i < whole.size(); ++i) {
          EXPECT_EQ(found[i].first, whole[i].first);
          EXPECT_NEAR(found[i].second, whole[i].second,
                      order == SumOrder::kPerSample ? 0 : 1e-10 * whole[i].second);
        }
      }
    }
  }
}

// Sample 9, of domain A, has no class; the classes of the others have about 75 pixels a sample.
TEST(DomainDistances, AreMeansOverTheClassesThatBothDomainsHave) {
  const auto comm = make_serial_communicator();
  const Numbers all = distances_on_rank(*comm, SumOrder::kAllReduce, 1);
  const std::map<std::string, double> found(all.begin(), all.end());
  double mean = 0;
  for (const char* k : {"0", "1", "2"})
    mean += found.at(std::string("tsa.frechet.A_to_C.class") + k) / 3;
  EXPECT_NEAR(found.at("tsa.frechet.A_to_C"), mean, 1e-12);
  EXPECT_GT(mean, 0);
  EXPECT_FALSE(found.contains("tsa.frechet.A_to_A"));
  EXPECT_TRUE(distances_on_rank(*comm, SumOrder::kAllReduce, 1 << 20).empty());
}

}  // namespace
}  // namespace semiseg
