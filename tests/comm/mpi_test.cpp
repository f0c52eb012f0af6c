// SPDX-License-Identifier: Apache-2.0
// The MPI communicator at 1, 2, 3 and 4 ranks: what each collective promises. tests/run starts the
// binary once for each number of ranks.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "framework/comm/broadcast.h"
#include "framework/core/error.h"
#include "tests/support/ranks.h"
#include "tests/support/state_equality.h"

namespace semiseg {
namespace {

// 1 + 2 + … + R.
double triangle() { return ranks().size() * (ranks().size() + 1) / 2.0; }

at::Tensor mine(at::ScalarType type = at::kDouble) {
  return at::full({3}, ranks().rank() + 1, at::TensorOptions(type));
}

TEST(World, HasTheSizeThatItWasStartedWith) {
  const char* expected = std::getenv("SEMISEG_TEST_RANKS");
  EXPECT_EQ(ranks().size(), expected ? std::stoi(expected) : 1);
  EXPECT_LT(ranks().rank(), ranks().size());
}

TEST(AllReduce, SumsEveryDtypeThatTravels) {
  for (const auto type : {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf, at::kLong, at::kInt}) {
    at::Tensor value = mine(type);
    ranks().all_reduce(value, "test");
    EXPECT_TRUE(at::equal(value.to(at::kDouble), at::full({3}, triangle(), at::kDouble)))
        << toString(type);
  }
}

TEST(AllReduce, LeavesATensorThatIsNotContiguousWhereItIs) {
  at::Tensor whole = at::zeros({2, 3}, at::kDouble);
  at::Tensor column = whole.select(1, 1);
  column.fill_(ranks().rank() + 1);
  ranks().all_reduce(column, "test");
  EXPECT_EQ(whole.sum().item<double>(), 2 * triangle());
}

TEST(AllReduce, InRankOrderEqualsTheSumInRankOrderToTheBit) {
  const std::vector<double> parts = {1e16, 1.0, -1e16, 3.0};
  double expected = 0;
  for (int r = 0; r < ranks().size(); ++r) expected += parts[static_cast<size_t>(r)];
  ranks().configure({.ordered = true});
  at::Tensor value = at::full({1}, parts[static_cast<size_t>(ranks().rank())], at::kDouble);
  at::Tensor later = value.clone();
  const auto pending = ranks().start_all_reduce(later, "later");
  ranks().all_reduce(value, "now");
  pending->wait();
  ranks().configure({});
  EXPECT_EQ(value.item<double>(), expected);
  EXPECT_EQ(later.item<double>(), expected);
}

TEST(StartAllReduce, IsCompleteAfterWaitAndMayOverlapOthers) {
  at::Tensor large = at::full({1 << 20}, ranks().rank() + 1.0f, at::kFloat), small = mine();
  const auto first = ranks().start_all_reduce(large, "large");
  const auto second = ranks().start_all_reduce(small, "small");
  ranks().barrier("between");
  while (!second->advance()) continue;
  second->wait();
  first->wait();
  EXPECT_EQ(large.min().item<float>(), static_cast<float>(triangle()));
  EXPECT_EQ(large.max().item<float>(), static_cast<float>(triangle()));
  EXPECT_TRUE(at::equal(small, at::full({3}, triangle(), at::kDouble)));
}

TEST(Duplicate, IsOrderedIndependently) {
  const auto other = ranks().duplicate();
  at::Tensor a = mine(), b = mine();
  // Ranks start the two in different orders: on one communicator that would mix them up.
  std::unique_ptr<PendingReduction> on_other, on_this;
  if (ranks().rank() % 2 == 0) on_other = other->start_all_reduce(a, "other");
  on_this = ranks().start_all_reduce(b, "this");
  if (ranks().rank() % 2 != 0) on_other = other->start_all_reduce(a, "other");
  on_this->wait();
  on_other->wait();
  EXPECT_EQ(a.sum().item<double>(), 3 * triangle());
  EXPECT_EQ(b.sum().item<double>(), 3 * triangle());
}

TEST(Sum, IsTheTotalForwardAndTheIdentityBackward) {
  at::Tensor x = mine();
  x.set_requires_grad(true);
  const at::Tensor total = ranks().sum(x);
  EXPECT_TRUE(at::equal(total, at::full({3}, triangle(), at::kDouble)));
  (2 * total.sum()).backward();
  EXPECT_TRUE(at::equal(x.grad(), at::full({3}, 2.0, at::kDouble)));
}

TEST(Replicated, CountsOnceAfterGradientsAreSummed) {
  at::Tensor w = at::ones({2}, at::kDouble);
  w.set_requires_grad(true);
  ranks().replicated(w * w).sum().backward();
  at::Tensor gradient = w.grad().clone();
  ranks().all_reduce(gradient, "gradient");
  EXPECT_TRUE(at::allclose(gradient, at::full({2}, 2.0, at::kDouble), 1e-15, 0));
}

TEST(Gather, ConcatenatesInRankOrder) {
  const at::Tensor all = ranks().gather(mine().unsqueeze(0), "test");
  ASSERT_EQ(all.size(0), ranks().size());
  for (int r = 0; r < ranks().size(); ++r) EXPECT_EQ(all[r][2].item<double>(), r + 1);
}

TEST(GatherUneven, TakesAnotherSizeFromEveryRankAndNothingFromSome) {
  const at::Tensor all =
      ranks().gather_uneven(at::full({ranks().rank(), 2}, ranks().rank(), at::kLong), "test");
  ASSERT_EQ(all.size(0), ranks().size() * (ranks().size() - 1) / 2);
  int64_t row = 0;
  for (int r = 0; r < ranks().size(); ++r) {
    for (int i = 0; i < r; ++i, ++row) EXPECT_EQ(all[row][1].item<int64_t>(), r);
  }
}

TEST(Broadcast, GivesEveryRankTheFirstOnesTensor) {
  at::Tensor value = mine(at::kFloat);
  ranks().broadcast(value, "test");
  EXPECT_TRUE(at::equal(value, at::ones({3})));
}

TEST(BroadcastState, CarriesEveryKindOfEntryToTheBit) {
  StateMap state = {{"tensor", at::arange(5, at::kFloat) / 3},
                    {"counter", at::full({}, 7, at::kLong)},
                    {"integer", int64_t{1} << 60},
                    {"real", -1.0 / 0.0},
                    {"text", std::string("a \"quoted\" text")}};
  const auto received =
      broadcast_state(ranks().rank() == 0 ? std::optional(state) : std::nullopt, ranks());
  ASSERT_TRUE(received);
  expect_equal_states(state, *received);
}

TEST(BroadcastState, NoStateIsNoStateEverywhere) {
  const bool is_first = ranks().rank() == 0;
  const auto received =
      broadcast_state(is_first ? std::nullopt : std::optional(StateMap{{"x", 1.0}}), ranks());
  EXPECT_EQ(received.has_value(), ranks().size() == 1 && !is_first);
}

TEST(GatherTexts, KeepsEveryRanksTextApart) {
  const auto texts = gather_texts(std::string(static_cast<size_t>(ranks().rank()), 'x'), ranks());
  ASSERT_EQ(std::ssize(texts), ranks().size());
  for (size_t r = 0; r < texts.size(); ++r) EXPECT_EQ(texts[r].size(), r);
}

TEST(Check, NamesTheDifferentCallsOfRanksThatDisagree) {
  if (ranks().size() == 1) return;
  ranks().configure({.check = true});
  at::Tensor value = mine();
  try {
    if (ranks().rank() == 0) {
      ranks().all_reduce(value, "loss");
    } else {
      ranks().barrier("validation");
    }
    ADD_FAILURE() << "expected an error";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("all_reduce of loss: 3 × Double"), std::string::npos) << text;
    EXPECT_NE(text.find("barrier of validation"), std::string::npos) << text;
  }
  const auto pending =
      ranks().start_all_reduce(value, ranks().rank() == 0 ? "gradients, 0" : "gradients, 1");
  EXPECT_THROW(pending->wait(), Error) << "reductions beside other work are compared at their wait";
  at::Tensor same = mine();
  EXPECT_NO_THROW(ranks().all_reduce(same, "the same"));
  ranks().configure({});
}

}  // namespace
}  // namespace semiseg
