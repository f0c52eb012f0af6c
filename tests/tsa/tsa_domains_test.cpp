// SPDX-License-Identifier: Apache-2.0
// Class statistics of each domain apart, and the direction between domains.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "launch/conformance/method_case.h"
#include "tests/support/expect_error.h"
#include "tests/tsa/tsa_ranks.h"

namespace semiseg {
namespace {

const SampleIds kAll = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

// The batch with the pixels of these domains alone.
std::vector<StreamBatch> only(std::vector<StreamBatch> batches, const std::set<int64_t>& domains) {
  for (StreamBatch& batch : batches) {
    for (LabelledFeatures& part : batch) {
      part.label = part.label.clone();
      for (int64_t i = 0; i < part.label.size(0); ++i) {
        if (!domains.contains(part.domain[i].item<int64_t>())) part.label[i].fill_(kIgnoreLabel);
      }
    }
  }
  return batches;
}

// A memory that is fed with the pixels of these domains and knows of none.
TsaMemory fed_with(const std::set<int64_t>& domains, const MemoryOptions& options) {
  const auto comm = make_serial_communicator();
  const RankFeed feed;
  TsaMemory memory = feed.memory({.memory = options});
  for (int64_t step = 0; step < 3; ++step) {
    memory.step(only(feed.batches(kAll, step), domains), *comm);
    memory.after_step(*comm, step);
  }
  return memory;
}

class EveryMemory : public testing::TestWithParam<std::tuple<MemoryOptions::Kind, CovarianceKind>> {
};

TEST_P(EveryMemory, OfDomainsHoldsThoseOfMemoriesThatSeeOneDomainOrSeveral) {
  const MemoryOptions options{.kind = std::get<0>(GetParam()),
                              .forgetting = 0.8,
                              .frozen_after = 2,
                              .covariance = std::get<1>(GetParam())};
  const auto comm = make_serial_communicator();
  const RankFeed feed;
  TsaMemory memory = feed.memory({.memory = options, .domains = RankFeed::kDomains});
  feed.steps(memory, *comm, 0, 3);
  const std::set<int64_t> all = {0, 1, 2};
  for (size_t stream = 0; stream < 2; ++stream) {
    expect_same(memory.statistics(stream), fed_with(all, options).statistics(stream), 1e-12);
    for (const int64_t d : all) {
      std::set<int64_t> others = all;
      others.erase(d);
      expect_same(memory.statistics_of(stream, d), fed_with({d}, options).statistics(stream), 0);
      expect_same(memory.statistics_besides(stream, d),
                  fed_with(others, options).statistics(stream), 1e-12);
      expect_same(memory.merged(stream, d), memory.statistics_of(stream, d), 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    KindsAndCovariances, EveryMemory,
    testing::Combine(testing::Values(MemoryOptions::Kind::kCumulative, MemoryOptions::Kind::kForget,
                                     MemoryOptions::Kind::kBatchOnly,
                                     MemoryOptions::Kind::kFrozenAfter),
                     testing::Values(CovarianceKind::kFull, CovarianceKind::kDiagonal,
                                     CovarianceKind::kIsotropic)));

TEST(DomainMemory, IsThatOfOneRankAndResumesToTheBit) {
  const RankFeed feed;
  for (const SumOrder order : kSumOrders) {
    const TsaMemoryOptions options{
        .memory = forgetting(0.9), .order = order, .every = 2, .domains = RankFeed::kDomains};
    const auto run = [&](const Communicator& comm) {
      TsaMemory whole = feed.memory(options), first = feed.memory(options),
                second = feed.memory(options);
      feed.steps(whole, comm, 0, 5);
      feed.steps(first, comm, 0, 3);
      put_state([&](StateVisitor& v) { second.state(v); }, settled_state(first, comm));
      feed.steps(second, comm, 3, 5);
      const StateMap state = settled_state(whole, comm);
      expect_equal_states(settled_state(second, comm), state);
      return std::pair(state, whole.statistics_besides(1, 0));
    };
    const auto alone = on_ranks(1, run)[0];
    for (const int ranks : {2, 3}) {
      for (const auto& [state, besides] : on_ranks(ranks, run)) {
        expect_same(besides, alone.second, 1e-12);
        if (order == SumOrder::kPerSample) expect_equal_states(state, alone.first);
      }
    }
  }
}

TEST(DomainMemory, RefusesADomainThatItDoesNotHave) {
  const auto comm = make_serial_communicator();
  const RankFeed feed;
  TsaMemory memory = feed.memory({.domains = RankFeed::kDomains - 1});
  expect_error(ErrorKind::kInternal, {"domain"},
               [&] { memory.step(feed.batches(kAll, 0), *comm); });
}

// --- the direction between domains

MethodSetup setup_of(const std::string& direction) {
  return {.name = "transmedseg",
          .options =
              "lambda = \"constant\"\nlambda0 = 2.0\nn_min = 1\nbase = \"mean_teacher\"\n"
              "domain_statistics = true\ndirections = [\"" +
              direction + "\"]",
          .backbone = "name = \"unet\"\nfilters = [4, 8, 8, 8, 8]",
          .classes = 3,
          .seed = 5};
}

using Records = std::map<std::string, double>;

// Two steps; labelled samples of these domains, unlabelled ones of those.
Records records_of(const MethodSetup& setup, const std::vector<int64_t>& labelled,
                   const std::vector<int64_t>& unlabelled) {
  const auto comm = make_serial_communicator();
  MethodUnderTest method(setup, *comm);
  const Stage stage = method->plan().stages.back();
  method->begin_stage(0);
  Records records;
  for (int64_t i = 0; i < 2; ++i) {
    Batch batch = random_batch(setup, stage, i);
    batch.streams[0].domain = at::tensor(labelled, at::kLong);
    batch.streams[1].domain = at::tensor(unlabelled, at::kLong);
    for (const auto& [name, value] : method.step(batch, 0, i, Draws(setup.seed).at(0, i)))
      records[name] = value;
  }
  for (const auto& [name, value] : method->diagnostics()) records[name] = value;
  return records;
}

// One domain has labels, the other has none.
TEST(BetweenDomains, AnAdaptationIsTheShiftFromStudentToTeacher) {
  const std::vector<int64_t> source(4, 0), target(4, 1);
  const Records s2t = records_of(setup_of("s2t"), source, target),
                d2d = records_of(setup_of("d2d"), source, target);
  EXPECT_NEAR(d2d.at("loss.tsa_d2d"), s2t.at("loss.tsa"), 1e-10);
  EXPECT_NEAR(d2d.at("loss.total"), s2t.at("loss.total"), 1e-10);
  EXPECT_EQ(d2d.at("tsa.active_classes.d2d.domain0"), 3);
  EXPECT_GT(d2d.at("tsa.max_offset.d2d.domain0"), 0);
  // No pixel goes the other way.
  EXPECT_EQ(d2d.at("tsa.active_classes.d2d.domain1"), 0);
  EXPECT_TRUE(d2d.contains("tsa.frechet.domain0_to_domain1"));
  EXPECT_FALSE(d2d.contains("tsa.frechet.domain1_to_domain0"));
}

TEST(BetweenDomains, DifferentDomainsHaveDifferentTables) {
  const std::vector<int64_t> mixed = {0, 1, 1, 0};
  const Records d2d = records_of(setup_of("d2d"), mixed, mixed),
                s2t = records_of(setup_of("s2t"), mixed, mixed);
  EXPECT_NE(d2d.at("tsa.max_offset.d2d.domain0"), d2d.at("tsa.max_offset.d2d.domain1"));
  EXPECT_GT(std::abs(d2d.at("loss.tsa_d2d") - s2t.at("loss.tsa")), 1e-6);
}

// Nothing is known of the second domain: its offsets are 0 and there is no distance to it.
TEST(BetweenDomains, AClassNeverSeenInADomainIsNotShifted) {
  const std::vector<int64_t> same(4, 0);
  const Records found = records_of(setup_of("d2d"), same, same);
  MethodSetup off = setup_of("d2d");
  off.options += "\naug = \"off\"";
  EXPECT_EQ(found.at("loss.tsa_d2d"), records_of(off, same, same).at("loss.tsa_d2d"));
  EXPECT_EQ(found.at("tsa.active_classes.d2d.domain0"), 0);
  EXPECT_FALSE(found.contains("tsa.frechet.domain0_to_domain1"));
}

TEST(BetweenDomains, RefusesDataOfOneDomainAndStatisticsOfAllTogether) {
  const auto comm = make_serial_communicator();
  MethodSetup single = setup_of("s2t");
  single.domains = 1;
  expect_error(ErrorKind::kConfig, {"domain_statistics", "one domain"},
               [&] { MethodUnderTest method(single, *comm); });
  MethodSetup together = setup_of("d2d");
  together.options.replace(together.options.find("true"), 4, "false");
  expect_error(ErrorKind::kConfig, {"directions", "d2d", "method.domain_statistics=true"},
               [&] { MethodUnderTest method(together, *comm); });
}

}  // namespace
}  // namespace semiseg
