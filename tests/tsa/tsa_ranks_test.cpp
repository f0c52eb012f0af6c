// SPDX-License-Identifier: Apache-2.0
// The memories of TSA on several ranks: oracle 12 of the specification, messages, replicas.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/core/state.h"
#include "tests/support/expect_error.h"
#include "tests/tsa/tsa_ranks.h"

namespace semiseg {
namespace {

struct Outcome {
  StateMap state;
  std::vector<ClassStatistics> statistics;
};

std::vector<Outcome> four_steps(int ranks, const TsaMemoryOptions& options) {
  const RankFeed feed;
  return on_ranks(ranks, [&](const Communicator& comm) {
    TsaMemory memory = feed.memory(options);
    feed.steps(memory, comm, 0, 4);
    return Outcome{settled_state(memory, comm), statistics_of(memory)};
  });
}

// Ranks and how many batches make a merge: 3 leaves a batch in the window.
class RanksOfMemory : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(RanksOfMemory, HoldThatOfOneRankAndTheSameBitsAsEachOther) {
  const auto [ranks, every] = GetParam();
  for (const SumOrder order : kSumOrders) {
    for (const bool lagged : {false, true}) {
      const TsaMemoryOptions options{
          .memory = forgetting(0.9), .order = order, .every = every, .lagged = lagged};
      const Outcome whole = four_steps(1, options)[0];
      const std::vector<Outcome> found = four_steps(ranks, options);
      for (const Outcome& rank : found) {
        for (size_t stream = 0; stream < 2; ++stream)
          expect_same(rank.statistics[stream], whole.statistics[stream], 1e-12);
        expect_equal_states(rank.state, found[0].state);
        if (order == SumOrder::kPerSample) expect_equal_states(rank.state, whole.state);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, RanksOfMemory,
                         testing::Combine(testing::Values(1, 2, 3, 4, 8), testing::Values(1, 3)));

TEST(StreamBatch, InPartsHasTheBitsOfTheWhole) {
  const auto comm = make_serial_communicator();
  const RankFeed feed;
  for (const SumOrder order : kSumOrders) {
    TsaMemory whole = feed.memory({.order = order}), parts = feed.memory({.order = order});
    for (int64_t step = 0; step < 2; ++step) {
      whole.step(feed.batches({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, step), *comm);
      std::vector<StreamBatch> batches = feed.batches({0, 1, 2, 3}, step);
      for (const SampleIds& ids : {SampleIds{4}, SampleIds{5, 6, 7, 8, 9}}) {
        const auto more = feed.batches(ids, step);
        for (size_t i = 0; i < more.size(); ++i) batches[i].push_back(more[i][0]);
      }
      parts.step(batches, *comm);
      for (size_t stream = 0; stream < 2; ++stream)
        expect_same(parts.statistics(stream), whole.statistics(stream), 0);
      for (TsaMemory* memory : {&whole, &parts}) memory->after_step(*comm, step);
    }
  }
}

TEST(PerSample, DoesNotDependOnTheOrderOfRows) {
  const auto comm = make_serial_communicator();
  const RankFeed feed;
  TsaMemory ascending = feed.memory({.order = SumOrder::kPerSample}),
            mixed = feed.memory({.order = SumOrder::kPerSample});
  ascending.step(feed.batches({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0), *comm);
  mixed.step(feed.batches({6, 3, 9, 0, 1, 8, 2, 7, 5, 4}, 0), *comm);
  for (size_t stream = 0; stream < 2; ++stream)
    expect_same(mixed.statistics(stream), ascending.statistics(stream), 0);
}

TEST(PerSample, RefusesASampleThatComesTwice) {
  const RankFeed feed;
  const std::vector<std::vector<SampleIds>> shares = {{{4, 4}, {2}}, {{4, 5}, {2, 5}}};
  for (const auto& share : shares) {
    // The first is found by the rank that has it, before any message: it runs alone.
    const int ranks = share[0][0] == share[0][1] ? 1 : 2;
    on_ranks(ranks, [&](const Communicator& comm) {
      TsaMemory memory = feed.memory({.order = SumOrder::kPerSample});
      const auto batches = feed.batches(share[static_cast<size_t>(comm.rank())], 0);
      expect_error(ErrorKind::kInternal, {"sample"}, [&] { memory.step(batches, comm); });
      return true;
    });
  }
}

TEST(PerSample, RefusesABatchWithoutIds) {
  const auto comm = make_serial_communicator();
  const RankFeed feed;
  auto batches = feed.batches({4, 5}, 0);
  batches[1][0].samples.clear();
  TsaMemory memory = feed.memory({.order = SumOrder::kPerSample});
  EXPECT_THROW(memory.step(batches, *comm), Error);
}

// --- the loss on top of it

struct LossAndGradients {
  at::Tensor loss, weight, bias;
};

// The shares differ in how many pixels count.
TEST(RanksOfTsa, ComputeTheLossAndTheHeadsGradientsOfOneRank) {
  const RankFeed feed;
  const auto run = [&](const Communicator& comm) {
    const at::Tensor weight = leaf(normal("w", {3, 5})), bias = leaf(normal("b", {3}));
    TsaMemory memory = feed.memory({.memory = forgetting(0.9)});
    feed.steps(memory, comm, 0, 2);
    const LabelledFeatures batch = feed.student(RankFeed::share(comm.rank(), comm.size()), 1);
    const at::Tensor z = at::matmul(weight, batch.features.to(at::kDouble)) + bias.unsqueeze(1);
    const at::Tensor table =
        offset_table(weight, memory.statistics(0), memory.statistics(1), 0.5, {}).table;
    const at::Tensor loss = cross_entropy_with_offsets(z, batch.label, table, {}, comm);
    auto found = gradients(loss, {weight, bias});
    for (at::Tensor& gradient : found) comm.all_reduce(gradient, "gradient");
    return LossAndGradients{loss.detach(), found[0], found[1]};
  };
  const LossAndGradients whole = on_ranks(1, run)[0];
  EXPECT_GT(whole.weight.abs().max().item<double>(), 0);
  for (const int ranks : {2, 3, 4}) {
    for (const LossAndGradients& rank : on_ranks(ranks, run)) {
      EXPECT_LE(deviation(rank.loss, whole.loss), 1e-12);
      EXPECT_LE(deviation(rank.weight, whole.weight), 1e-12);
      EXPECT_LE(deviation(rank.bias, whole.bias), 1e-12);
    }
  }
}

// --- messages

class CountingCommunicator : public ThreadCommunicator {
 public:
  using ThreadCommunicator::ThreadCommunicator;
  void all_reduce(at::Tensor& value, std::string_view name) const override {
    messages.push_back(value.numel());
    ThreadCommunicator::all_reduce(value, name);
  }
  std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor& value,
                                                     std::string_view name) const override {
    messages.push_back(value.numel());
    return ThreadCommunicator::start_all_reduce(value, name);
  }
  at::Tensor gather(const at::Tensor& local, std::string_view name) const override {
    messages.push_back(local.numel());
    return ThreadCommunicator::gather(local, name);
  }
  mutable std::vector<int64_t> messages;  // numbers sent
};

TEST(Memory, SendsOneMessageForAllStreamsEveryFewStepsAndNoneOnceFrozen) {
  const RankFeed feed;
  constexpr int64_t row = 3 * (2 + 5 + 15);
  const std::map<SumOrder, int64_t> sizes = {{SumOrder::kAllReduce, 2 * row},
                                             {SumOrder::kOrdered, 2 * (2 + row)},
                                             {SumOrder::kPerSample, (10 + 7) * (2 + row)}};
  for (const SumOrder order : kSumOrders) {
    ThreadCommunicator::World world(1);
    const CountingCommunicator comm(world, 0);
    TsaMemory memory =
        feed.memory({.memory = {.kind = MemoryOptions::Kind::kFrozenAfter, .frozen_after = 4},
                     .order = order,
                     .every = 2});
    feed.steps(memory, comm, 0, 8);
    EXPECT_EQ(comm.messages, (std::vector<int64_t>(2, sizes.at(order))));
  }
}

TEST(Memory, OfDomainsSendsOneMessageOfAsManyTimesTheNumbers) {
  const RankFeed feed;
  constexpr int64_t row = RankFeed::kDomains * 3 * (2 + 5 + 15);
  ThreadCommunicator::World world(1);
  const CountingCommunicator comm(world, 0);
  TsaMemory memory = feed.memory({.domains = RankFeed::kDomains});
  feed.steps(memory, comm, 0, 3);
  EXPECT_EQ(comm.messages, (std::vector<int64_t>(3, 2 * row)));
}

// --- replicas

// Changes one number of one rank's memory, as a broken node would.
void corrupt(TsaMemory& memory) {
  const Stateful visit = [&](StateVisitor& v) { memory.state(v); };
  StateMap state = take_state(visit);
  std::get<at::Tensor>(state.at("teacher/mean"))[1][2] += 1e-15;
  put_state(visit, state);
}

TEST(Replicas, ThatDifferAreNamedAtTheNextCheck) {
  const RankFeed feed;
  for (const SumOrder order : kSumOrders) {
    on_ranks(4, [&](const Communicator& comm) {
      TsaMemory memory = feed.memory({.order = order, .checksum_every = 3});
      feed.steps(memory, comm, 0, 3);
      if (comm.rank() % 2 == 1) corrupt(memory);
      feed.steps(memory, comm, 3, 5);
      expect_error(ErrorKind::kRank, {"memory", "iteration 5", "rank 1, 3", "checkpoint"},
                   [&] { feed.steps(memory, comm, 5, 6); });
      return true;
    });
  }
}

TEST(Replicas, AreNotComparedWhereThatIsOff) {
  const RankFeed feed;
  on_ranks(2, [&](const Communicator& comm) {
    TsaMemory memory = feed.memory({.checksum_every = 0});
    feed.steps(memory, comm, 0, 1);
    if (comm.rank() == 1) corrupt(memory);
    EXPECT_NO_THROW(feed.steps(memory, comm, 1, 4));
    return true;
  });
}

}  // namespace
}  // namespace semiseg
