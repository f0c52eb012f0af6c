// SPDX-License-Identifier: Apache-2.0
// The distance of feature covariances of CORAL, in float64.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/methods/parts/coral_loss.h"
#include "tests/tsa/tsa_ranks.h"

namespace semiseg {
namespace {

constexpr int64_t kClasses = 3, kFeatures = 4;

ClassPixels pixels(const std::string& name, int64_t samples) {
  return {{},
          normal(name + "/x", {samples, kFeatures, 6, 5}) + 2,
          labels(name + "/y", {samples, 6, 5}, kClasses)};
}

// The pixels of class k [n,A]; of all classes for k = -1.
at::Tensor rows_of(const ClassPixels& part, int64_t k) {
  const at::Tensor x = part.features.movedim(1, -1).reshape({-1, kFeatures}),
                   y = part.label.reshape(-1);
  return x.index_select(0, (k < 0 ? y != kIgnoreLabel : y == k).nonzero().flatten());
}

at::Tensor distance(const at::Tensor& a, const at::Tensor& b) {
  return (at::cov(a.t()) - at::cov(b.t())).square().sum() / (4 * kFeatures * kFeatures);
}

TEST(Coral, IsTheDistanceOfTheCovariances) {
  const auto comm = make_serial_communicator();
  const ClassPixels l = pixels("l", 2), u = pixels("u", 3);
  EXPECT_LE(deviation(coral_loss({l}, {u}, 0, *comm), distance(rows_of(l, -1), rows_of(u, -1))),
            1e-12);
  at::Tensor mean = at::zeros({}, at::kDouble);
  for (int64_t k = 0; k < kClasses; ++k) mean = mean + distance(rows_of(l, k), rows_of(u, k)) / 3;
  EXPECT_LE(deviation(coral_loss({l}, {u}, kClasses, *comm), mean), 1e-12);
}

TEST(Coral, LeavesOutClassesThatOneGroupLacks) {
  const auto comm = make_serial_communicator();
  const ClassPixels l = pixels("l", 2);
  ClassPixels u = pixels("u", 3);
  u.label = at::where(u.label == 1, 0, u.label);
  const at::Tensor mean =
      (distance(rows_of(l, 0), rows_of(u, 0)) + distance(rows_of(l, 2), rows_of(u, 2))) / 2;
  EXPECT_LE(deviation(coral_loss({l}, {u}, kClasses, *comm), mean), 1e-12);
  u.label = at::full_like(u.label, kIgnoreLabel);
  for (const int64_t classes : {int64_t{0}, kClasses}) {
    u.features = leaf(u.features);
    const at::Tensor nothing = coral_loss({l}, {u}, classes, *comm);
    EXPECT_EQ(nothing.item<double>(), 0);
    EXPECT_EQ(gradients(nothing, {u.features})[0].abs().max().item<double>(), 0);
  }
}

TEST(Coral, HasTheGradientOfItsDifferences) {
  const auto comm = make_serial_communicator();
  for (const int64_t classes : {int64_t{0}, kClasses}) {
    ClassPixels l = pixels("l", 2), u = pixels("u", 3);
    l.features = leaf(l.features);
    u.features = leaf(u.features);
    const auto found = gradients(coral_loss({l}, {u}, classes, *comm), {l.features, u.features});
    const auto moved = [&](ClassPixels& group, const at::Tensor& step) {
      const at::Tensor before = group.features;
      group.features = before.detach() + step;
      const auto value = coral_loss({l}, {u}, classes, *comm).item<double>();
      group.features = before;
      return value;
    };
    for (const int which : {0, 1}) {
      ClassPixels& group = which == 0 ? l : u;
      const at::Tensor way = normal("way", group.features.sizes());
      const double slope = (moved(group, 1e-6 * way) - moved(group, -1e-6 * way)) / 2e-6;
      const auto expected = (found[static_cast<size_t>(which)] * way).sum().item<double>();
      EXPECT_NEAR(slope, expected, 1e-7 * std::abs(expected));
      EXPECT_GT(std::abs(expected), 0);
    }
  }
}

struct Outcome {
  at::Tensor loss, gradient;
};

// Ranks have other shares of the samples, one of them a single one; the gradient is that of
// factors that all pixels share.
TEST(Coral, OnOneToThreeRanksIsOneLoss) {
  for (const int64_t classes : {int64_t{0}, kClasses}) {
    const auto run = [&](const Communicator& comm) {
      const ClassPixels l = pixels("l", 4), u = pixels("u", 5);
      const at::Tensor factor = leaf(normal("factor", {1, kFeatures, 1, 1}));
      const auto share = [&](const ClassPixels& all) {
        const int64_t size = all.label.size(0), first = comm.rank() == 0 ? 0 : comm.rank() + 1,
                      end = comm.rank() + 1 == comm.size() ? size : comm.rank() + 2;
        return ClassPixels{
            {}, all.features.slice(0, first, end) * factor, all.label.slice(0, first, end)};
      };
      const at::Tensor loss = coral_loss({share(l)}, {share(u)}, classes, comm);
      at::Tensor gradient = gradients(loss, {factor})[0];
      comm.all_reduce(gradient, "gradient");
      return Outcome{loss.detach(), gradient};
    };
    const Outcome whole = on_ranks(1, run)[0];
    EXPECT_GT(whole.gradient.abs().min().item<double>(), 0);
    for (const int ranks : {2, 3}) {
      for (const Outcome& rank : on_ranks(ranks, run)) {
        EXPECT_LE(deviation(rank.loss, whole.loss), 1e-12);
        EXPECT_LE(deviation(rank.gradient, whole.gradient), 1e-12);
      }
    }
  }
}

}  // namespace
}  // namespace semiseg
