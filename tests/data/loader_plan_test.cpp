// SPDX-License-Identifier: Apache-2.0
// Two-stream sampling and the share of a rank.
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/data/batch_plan.h"
#include "framework/data/label_budget.h"

namespace semiseg {
namespace {

// One sample for each case; the labelled ones are the first.
Pools pools(size_t labelled, size_t unlabelled) {
  LabelBudget budget{.patients = {"099", "038"}};
  for (size_t i = 0; i < labelled; ++i) budget.labelled.push_back({i, 0});
  for (size_t i = 0; i < unlabelled; ++i) budget.unlabelled.push_back({labelled + i, 0});
  return pools_of(budget);
}

std::vector<StreamPlan> streams(int64_t labelled, int64_t unlabelled) {
  return {{.name = "labelled", .pool = "labelled", .samples = labelled},
          {.name = "unlabelled", .pool = "unlabelled", .samples = unlabelled}};
}

TEST(BatchPlan, AnEpochIsWholeBlocksOfDistinctLabelledSamples) {
  const BatchPlan plan(pools(5, 7), streams(2, 3), Draws(1), 0);
  EXPECT_EQ(plan.epoch_length(), 2);
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    std::set<size_t> seen;
    for (int64_t step = 2 * epoch; step < 2 * epoch + 2; ++step) {
      const auto samples = plan.samples(step);
      ASSERT_EQ(samples.size(), 5u);
      seen.insert(samples.begin(), samples.begin() + 2);
    }
    EXPECT_EQ(seen.size(), 4u) << "epoch " << epoch;
    EXPECT_LT(*seen.rbegin(), 5u);
  }
}

TEST(BatchPlan, TheLongestEpochIsThatOfThePoolThatLastsLongest) {
  EXPECT_EQ(BatchPlan(pools(8, 72), streams(4, 4), Draws(1), 0).longest_epoch(), 18);
  EXPECT_EQ(BatchPlan(pools(16, 13), streams(2, 2), Draws(1), 0).longest_epoch(), 8);
  EXPECT_EQ(BatchPlan(pools(3, 3), streams(2, 2), Draws(1), 0).longest_epoch(), 1);
  std::vector<StreamPlan> halves = streams(1, 2);
  halves.push_back({.name = "other", .pool = "unlabelled", .samples = 2});
  EXPECT_EQ(BatchPlan(pools(2, 16), halves, Draws(1), 0).longest_epoch(), 4);
}

TEST(BatchPlan, EveryUnlabelledSampleComesOnceBeforeAnyComesTwice) {
  const BatchPlan plan(pools(5, 7), streams(2, 3), Draws(1), 0);
  std::vector<size_t> stream;
  for (int64_t step = 0; step < 70; ++step) {
    const auto samples = plan.samples(step);
    stream.insert(stream.end(), samples.begin() + 2, samples.end());
  }
  for (size_t begin = 0; begin < stream.size(); begin += 7) {
    std::vector<size_t> round(stream.begin() + static_cast<long>(begin),
                              stream.begin() + static_cast<long>(begin + 7));
    std::sort(round.begin(), round.end());
    EXPECT_EQ(round, (std::vector<size_t>{5, 6, 7, 8, 9, 10, 11})) << "round from " << begin;
  }
}

TEST(BatchPlan, DependsOnSeedStageAndStepOnly) {
  const Pools all = pools(40, 60);
  const BatchPlan plan(all, streams(8, 8), Draws(3), 0);
  const auto late = plan.samples(100000);
  plan.samples(5);
  EXPECT_EQ(plan.samples(100000), late);
  EXPECT_EQ(BatchPlan(all, streams(8, 8), Draws(3).at(7, 9), 0).samples(100000), late);
  EXPECT_NE(BatchPlan(all, streams(8, 8), Draws(4), 0).samples(100000), late);
  EXPECT_NE(BatchPlan(all, streams(8, 8), Draws(3), 1).samples(100000), late);
  EXPECT_NE(plan.samples(100001), late);
}

TEST(BatchPlan, PoolsAsSmallAsTheBatchWork) {
  const auto samples = BatchPlan(pools(2, 3), streams(2, 3), Draws(1), 0).samples(9);
  EXPECT_EQ(std::set<size_t>(samples.begin(), samples.end()).size(), 5u);
}

TEST(BatchPlan, WithoutUnlabelledSlotsTheBatchIsSupervised) {
  const BatchPlan plan(pools(4, 0), streams(4, 0), Draws(1), 0);
  auto samples = plan.samples(3);
  std::sort(samples.begin(), samples.end());
  EXPECT_EQ(samples, (std::vector<size_t>{0, 1, 2, 3}));
}

TEST(BatchPlan, WithAllSamplesLabelledTheUnlabelledSlotsDrawFromThem) {
  const auto samples = BatchPlan(pools(4, 0), streams(1, 4), Draws(1), 0).samples(0);
  EXPECT_EQ(std::set<size_t>(samples.begin() + 1, samples.end()), (std::set<size_t>{0, 1, 2, 3}));
}

TEST(BatchPlan, TooFewLabelledSamplesAreNamed) {
  try {
    BatchPlan(pools(3, 50), streams(4, 4), Draws(1), 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    const std::string message = error.what();
    for (const char* part :
         {"too few labelled", "099, 038", "at least 4",
          "3 (samples of each pool: 3 labelled, 50 unlabelled)", "labelled_batch"}) {
      EXPECT_NE(message.find(part), std::string::npos) << part << "\n" << message;
    }
  }
}

TEST(BatchPlan, TooFewUnlabelledSamplesAreNamed) {
  try {
    BatchPlan(pools(30, 2), streams(4, 4), Draws(1), 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    EXPECT_NE(std::string(error.what()).find("too few unlabelled"), std::string::npos);
  }
}

TEST(Share, RanksPartitionTheSlotsUnevenly) {
  std::vector<int64_t> all;
  for (int rank = 0; rank < 3; ++rank) {
    const auto mine = share(streams(8, 0), {}, rank, 3);
    EXPECT_TRUE(mine.size() == 2 || mine.size() == 3);
    all.insert(all.end(), mine.begin(), mine.end());
  }
  EXPECT_EQ(all, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(Share, UnitsStayTogetherAndSlotsAscend) {
  const std::vector<std::vector<int64_t>> units = {{0, 2, 4, 6}, {1, 3, 5, 7}};
  EXPECT_EQ(share(streams(8, 0), units, 0, 2), (std::vector<int64_t>{0, 2, 4, 6}));
  EXPECT_EQ(share(streams(8, 0), units, 1, 2), (std::vector<int64_t>{1, 3, 5, 7}));
  EXPECT_EQ(share(streams(8, 0), units, 0, 1), (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(Share, MoreRanksThanUnitsIsAConfigurationError) {
  try {
    share(streams(8, 0), {{0, 2, 4, 6}, {1, 3, 5, 7}}, 0, 3);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    EXPECT_NE(std::string(error.what()).find("at most 2 ranks"), std::string::npos) << error.what();
  }
}

TEST(Share, UnitsThatMissOrRepeatASlotAreAMistakeOfTheMethod) {
  EXPECT_THROW(share(streams(3, 0), {{0}, {1}}, 0, 1), Error);
  EXPECT_THROW(share(streams(2, 0), {{0, 1}, {1}}, 0, 1), Error);
}

}  // namespace
}  // namespace semiseg
