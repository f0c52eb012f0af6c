// SPDX-License-Identifier: Apache-2.0
// Cases shared out over ranks by their costs.
#include <gtest/gtest.h>

#include "framework/metrics/case_shares.h"
#include "launch/conformance/thread_communicator.h"

namespace semiseg {
namespace {

using Shares = std::vector<std::vector<size_t>>;

TEST(CaseShares, TheMostExpensiveComesFirstAndGoesWhereLeastIs) {
  // 9 | 8 | 7 → 7 + 3 = 10 on rank 2, then 2 to rank 1 (8), then 1 to rank 0 (9).
  EXPECT_EQ(share_cases({3, 9, 1, 7, 8, 2}, 3), (Shares{{1, 2}, {4, 5}, {3, 0}}));
}

TEST(CaseShares, EqualCostsGoRound) {
  EXPECT_EQ(share_cases({4, 4, 4, 4, 4}, 2), (Shares{{0, 2, 4}, {1, 3}}));
  EXPECT_EQ(share_cases({0, 0, 0}, 2), (Shares{{0, 2}, {1}})) << "unknown costs";
}

TEST(CaseShares, RanksMayHaveNothingToDo) {
  EXPECT_EQ(share_cases({1, 2}, 4), (Shares{{1}, {0}, {}, {}}));
  EXPECT_EQ(share_cases({5, 6}, 1), (Shares{{1, 0}}));
}

TEST(CaseShares, RankZeroDecides) {
  run_ranks(2, [](const Communicator& comm) {
    const std::vector<int64_t> costs =
        comm.rank() == 0 ? std::vector<int64_t>{1, 2, 4} : std::vector<int64_t>{4, 2, 1};
    EXPECT_EQ(agree_shares(costs, comm), (Shares{{2}, {1, 0}}));
  });
}

}  // namespace
}  // namespace semiseg
