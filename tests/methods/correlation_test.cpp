// SPDX-License-Identifier: Apache-2.0
// Labels that spread along the correlation of an image's pixels (CorrMatch), by hand.
#include "framework/methods/parts/correlation.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <vector>

#include "framework/core/random/draws.h"
#include "launch/conformance/training.h"

namespace semiseg {
namespace {

using Numbers = std::vector<int64_t>;

at::Tensor two_by_two(const Numbers& values) {
  return at::tensor(values, at::kLong).view({1, 2, 2});
}

at::Tensor tau(double value) { return at::full({}, value, at::kDouble); }

// Pixel 0 is like pixels 0 and 1, pixel 3 like 1 and 3. Their regions are drawn in this order.
SpreadLabels spread(double share, const Numbers& outside = {0, 0, 0, 0},
                    const Numbers& counts = {1, 0, 1, 1}, const Numbers& pixels = {0, 3}) {
  const at::Tensor rows = at::tensor(std::vector<double>{.5, .5, 0, 0, .25, .25, .25, .25, .25, .25,
                                                         .25, .25, 0, .5, 0, .5})
                              .view({1, 4, 4});
  return spread_labels({two_by_two({1, 2, 2, 0}), two_by_two(counts) == 1},
                       two_by_two(outside) == 1, rows, at::tensor(pixels, at::kLong), {2, 2}, 3,
                       tau(share));
}

void expect(const SpreadLabels& got, const Numbers& label, const Numbers& counts) {
  EXPECT_TRUE(at::equal(got.label, two_by_two(label))) << got.label;
  EXPECT_TRUE(at::equal(got.counts, two_by_two(counts) == 1)) << got.counts;
}

TEST(SpreadLabels, ASureRegionGetsItsLabelAndTheLastRegionHolds) {
  expect(spread(0.5, {0, 0, 0, 0}, {1, 0, 1, 1}, {0}), {1, 1, 2, 0}, {1, 1, 1, 1});
  expect(spread(0.5), {1, 0, 2, 0}, {1, 1, 1, 1});
}

TEST(SpreadLabels, ARegionThatIsNotSureChangesNothing) {
  expect(spread(0.6), {1, 2, 2, 0}, {1, 0, 1, 1});
  expect(spread(0.4, {0, 0, 0, 0}, {0, 0, 0, 0}), {1, 2, 2, 0}, {0, 0, 0, 0});
}

TEST(SpreadLabels, ClassesThatAreEvenlyMixedSpreadNeither) {
  expect(spread(0.5, {0, 0, 0, 0}, {1, 1, 1, 0}, {0}), {1, 2, 2, 0}, {1, 1, 1, 0});
}

TEST(SpreadLabels, NothingSpreadsIntoTheBox) {
  expect(spread(0.5, {0, 1, 0, 0}), {1, 2, 2, 0}, {1, 0, 1, 1});
}

TEST(SpreadLabels, ARowWithoutContrastIsNoRegion) {
  expect(spread(0.1, {0, 0, 0, 0}, {1, 0, 1, 1}, {1, 2}), {1, 2, 2, 0}, {1, 0, 1, 1});
}

TEST(Correlation, CarriesLogitsWithAGradientToTheHeadAlone) {
  const Draws draws(1);
  const at::Tensor key = draws.normal("key", {3, 2, 2}, {0, 1}).to(at::kDouble),
                   logits = draws.normal("logits", {3, 4, 4}, {0, 1}).to(at::kDouble);
  at::Tensor query = draws.normal("query", {3, 2, 2}, {0, 1}).to(at::kDouble);
  query.requires_grad_();
  logits.requires_grad_();
  const at::Tensor map = correlation_map(key, query);
  EXPECT_TRUE(at::allclose(map.sum(2), at::ones({2, 4}, at::kDouble)));
  const at::Tensor by_hand =
      (key[1].flatten(1).t()[2].unsqueeze(1) * query[1].flatten(1)).sum(0) / std::sqrt(3.0);
  EXPECT_TRUE(at::allclose(map[1][2], by_hand.softmax(0)));
  const at::Tensor carried = carried_logits(logits, map, {2, 2});
  EXPECT_EQ(carried.sizes(), logits.sizes());
  carried.square().sum().backward();
  EXPECT_GT(query.grad().abs().sum().item<double>(), 0);
  EXPECT_FALSE(logits.grad().defined());
}

TEST(Correlation, TheIdentityCarriesNothing) {
  const at::Tensor logits = Draws(1).normal("logits", {3, 4, 4}, {0, 1});
  const at::Tensor same = carried_logits(logits, at::eye(16).expand({2, 16, 16}), {4, 4});
  EXPECT_TRUE(at::allclose(same, logits));
}

// The threshold keeps 0.9 of itself and takes 0.1 of a mean of confidences, which lie in (⅓, 1].
TEST(CorrMatch, TheThresholdFollowsTheConfidence) {
  const auto comm = make_serial_communicator();
  MethodUnderTest method(small_setup("corrmatch", 2), *comm);
  const auto threshold = [&] {
    return std::get<at::Tensor>(state_of(method).at("threshold")).item<double>();
  };
  const double before = threshold();
  EXPECT_EQ(before, 0.3);
  train_stages(method, small_setup("corrmatch", 2), *comm);
  EXPECT_GT(threshold(), before);
  EXPECT_LT(threshold(), 0.81 * before + 0.19);
}

}  // namespace
}  // namespace semiseg
