// SPDX-License-Identifier: Apache-2.0
// The memories of all streams together: oracles 12, 13, 22 and 23 of the specification.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/core/state.h"
#include "framework/methods/class_memory.h"
#include "tests/thread_communicator.h"
#include "tests/tsa_problem.h"

namespace semiseg {
namespace {

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
      EXPECT_TRUE(at::equal(window.statistics(0).mean, before));
    } else {
      expect_same(window.statistics(0), each.statistics(0), 1e-11);
      EXPECT_LE(deviation(window.memory(0).weight(), each.memory(0).weight()), 1e-13);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forgetting, WindowsOfMemory, testing::Values(1.0, 0.9));

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
        EXPECT_TRUE(at::equal(resumed.memory(stream).weight(), memory.memory(stream).weight()));
      }
    }
  }
}

}  // namespace
}  // namespace semiseg
