// SPDX-License-Identifier: Apache-2.0
// The memories of TSA over time: oracles 13, 22 and 23 of the specification.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/state.h"
#include "tests/tsa/tsa_ranks.h"

namespace semiseg {
namespace {

// --- 13: every k steps. Ranks and forgetting.

class WindowsOfMemory : public testing::TestWithParam<std::tuple<int, double>> {};

TEST_P(WindowsOfMemory, EqualMergesOfEveryStep) {
  const auto [ranks, rate] = GetParam();
  const RankFeed feed;
  for (const SumOrder order : kSumOrders) {
    on_ranks(ranks, [&, rate = rate](const Communicator& comm) {
      TsaMemory each = feed.memory({.memory = forgetting(rate), .order = order});
      TsaMemory window = feed.memory({.memory = forgetting(rate), .order = order, .every = 4});
      for (int64_t step = 0; step < 12; ++step) {
        const std::vector<ClassStatistics> before = statistics_of(window);
        feed.steps(each, comm, step, step + 1);
        feed.steps(window, comm, step, step + 1);
        const bool merged = step % 4 == 3;
        for (size_t i = 0; i < 2; ++i) {
          expect_same(window.statistics(i), merged ? each.statistics(i) : before[i],
                      merged ? 1e-11 : 0);
          const double weights = deviation(window.memory(i).weight(), each.memory(i).weight());
          EXPECT_LE(merged ? weights : 0, 1e-13);
        }
      }
      return true;
    });
  }
}

INSTANTIATE_TEST_SUITE_P(RanksAndForgetting, WindowsOfMemory,
                         testing::Combine(testing::Values(1, 2, 3, 4), testing::Values(1.0, 0.9)));

TEST(Memory, OfTheBatchAloneHoldsTheLastOneOfAWindow) {
  const RankFeed feed;
  for (const SumOrder order : kSumOrders) {
    on_ranks(3, [&](const Communicator& comm) {
      const MemoryOptions alone{.kind = MemoryOptions::Kind::kBatchOnly};
      TsaMemory each = feed.memory({.memory = alone, .order = order});
      TsaMemory window = feed.memory({.memory = alone, .order = order, .every = 3});
      feed.steps(each, comm, 0, 3);
      feed.steps(window, comm, 0, 3);
      for (size_t i = 0; i < 2; ++i) expect_same(window.statistics(i), each.statistics(i), 1e-11);
      return true;
    });
  }
}

// --- 22: lagged

TEST(Memory, ThatLagsShowsTheStatisticsOfOneStepBeforeAndEndsEachStepSettled) {
  const RankFeed feed;
  for (const int ranks : {1, 3}) {
    for (const SumOrder order : kSumOrders) {
      on_ranks(ranks, [&](const Communicator& comm) {
        TsaMemory sync = feed.memory({.order = order});
        TsaMemory lagged = feed.memory({.order = order, .lagged = true});
        for (int64_t step = 0; step < 5; ++step) {
          const std::vector<ClassStatistics> expected = statistics_of(sync);
          feed.steps(sync, comm, step, step + 1);
          feed.steps(lagged, comm, step, step + 1);
          for (size_t i = 0; i < 2; ++i) expect_same(lagged.statistics(i), expected[i], 0);
          expect_equal_states(settled_state(lagged, comm), settled_state(sync, comm));
        }
        return true;
      });
    }
  }
}

TEST(Memory, DoesNotBeginAStepBeforeTheOneBeforeHasEnded) {
  const auto comm = make_serial_communicator();
  const RankFeed feed;
  TsaMemory memory = feed.memory({.lagged = true});
  memory.step(feed.batches({1, 2}, 0), *comm);
  EXPECT_THROW(memory.step(feed.batches({1, 2}, 1), *comm), Error);
}

// --- 23: state

// Returns the state after 8 steps on `ranks` ranks, settled or not on the way.
StateMap never_stopped(int ranks, const TsaMemoryOptions& options, bool settles) {
  const RankFeed feed;
  return on_ranks(ranks, [&](const Communicator& comm) {
    TsaMemory memory = feed.memory(options);
    feed.steps(memory, comm, 0, 5);
    if (settles) memory.settle(comm);
    feed.steps(memory, comm, 5, 8);
    return settled_state(memory, comm);
  })[0];
}

// The same, from rank 0's state after 5 of the steps on `before` ranks.
StateMap resumed(int before, int ranks, const TsaMemoryOptions& options) {
  const RankFeed feed;
  const StateMap saved = on_ranks(before, [&](const Communicator& comm) {
    TsaMemory memory = feed.memory(options);
    feed.steps(memory, comm, 0, 5);
    return settled_state(memory, comm);
  })[0];
  const std::vector<StateMap> states = on_ranks(ranks, [&](const Communicator& comm) {
    TsaMemory memory = feed.memory(options);
    feed.steps(memory, comm, 0, 2);  // putting a state discards the rest of another training
    put_state([&](StateVisitor& v) { memory.state(v); }, saved);
    feed.steps(memory, comm, 5, 8);
    return settled_state(memory, comm);
  });
  for (const StateMap& state : states) expect_equal_states(state, states[0]);
  return states[0];
}

void expect_close_memories(const StateMap& a, const StateMap& b) {
  for (const auto& [name, value] : b) {
    if (name.starts_with("window")) continue;
    const auto* tensor = std::get_if<at::Tensor>(&value);
    if (!tensor) {
      EXPECT_TRUE(equal_bits(a.at(name), value)) << name;
      continue;
    }
    EXPECT_LE(deviation(std::get<at::Tensor>(a.at(name)), *tensor), 1e-12) << name;
  }
}

// The parameter is the number of batches of a merge: with 3, 8 and 10 the state is taken inside a
// window, and with 10 no merge has happened yet.
class StatesOfMemory : public testing::TestWithParam<int> {};

TEST_P(StatesOfMemory, GoOnAsIfTheyHadNeverStoppedAlsoOnAnotherNumberOfRanks) {
  for (const SumOrder order : kSumOrders) {
    for (const bool lagged : {false, true}) {
      const TsaMemoryOptions options{
          .memory = forgetting(0.9), .order = order, .every = GetParam(), .lagged = lagged};
      for (const int ranks : {1, 2, 4}) {
        const StateMap whole = never_stopped(ranks, options, /*settles=*/false);
        expect_equal_states(never_stopped(ranks, options, /*settles=*/true), whole);
        expect_equal_states(resumed(ranks, ranks, options), whole);
      }
      // On the change from 3 and 4 ranks, the one with most of the samples disappears.
      for (const auto& [before, ranks] : {std::pair{2, 3}, {3, 1}, {4, 2}}) {
        const StateMap whole = never_stopped(before, options, /*settles=*/false);
        const StateMap other = resumed(before, ranks, options);
        if (order == SumOrder::kPerSample) expect_equal_states(other, whole);
        expect_close_memories(other, whole);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, StatesOfMemory, testing::Values(1, 3, 8, 10));

}  // namespace
}  // namespace semiseg
