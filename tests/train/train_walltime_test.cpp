// SPDX-License-Identifier: Apache-2.0
// When a run stops by itself: what a walltime says, what Slurm says, and the learned margin.
#include "framework/train/walltime.h"

#include <gtest/gtest.h>

#include <limits>

#include "framework/config/compose.h"
#include "tests/support/expect_error.h"

namespace semiseg {
namespace {

std::optional<double> read(const std::string& text) {
  return read_walltime(parse_config("[run]\nwalltime = \"" + text + "\"").section("run"));
}

TEST(WalltimeTest, TimesAreReadInEveryForm) {
  const std::vector<std::pair<std::string, double>> cases = {
      {"02:30:00", 9000},    {"1-02:30:00", 95400}, {"150m", 9000}, {"9000s", 9000},
      {"9000", 9000},        {"2.5h", 9000},        {"2d", 172800}, {"0:00:01", 1},
      {"100:00:00", 360000}, {"10min", 600}};
  for (const auto& [text, seconds] : cases) {
    ASSERT_TRUE(read(text).has_value()) << text;
    EXPECT_DOUBLE_EQ(*read(text), seconds) << text;
  }
}

TEST(WalltimeTest, AnEmptyOrAbsentTimeIsNone) {
  EXPECT_FALSE(read("").has_value());
  EXPECT_FALSE(read_walltime(parse_config("[run]\n").section("run")).has_value());
}

TEST(WalltimeTest, OtherTextIsRefusedWithItsPlace) {
  for (const char* text :
       {"soon", "02:30", "2:60:00", "-5", "0", "0s", "1e3", "5 m", "m", "00:00:00"})
    expect_error(ErrorKind::kConfig, {"run.walltime", "hours:minutes:seconds"},
                 [&] { read(text); });
}

TEST(WalltimeTest, SlurmsEndOfJobCountsFromNow) {
  EXPECT_EQ(slurm_seconds_left({{"SLURM_JOB_END_TIME", "1700000500"}}, 1700000000), 500);
  EXPECT_EQ(slurm_seconds_left({{"SLURM_JOB_END_TIME", "1699999990"}}, 1700000000), -10);
  EXPECT_FALSE(slurm_seconds_left({{"SLURM_JOB_END_TIME", "1600000000"}}, 1700000000).has_value());
  EXPECT_FALSE(slurm_seconds_left({}, 1700000000).has_value());
  EXPECT_FALSE(slurm_seconds_left({{"SLURM_JOB_END_TIME", "UNLIMITED"}}, 0).has_value());
  EXPECT_FALSE(slurm_seconds_left({{"SLURM_JOB_END_TIME", ""}}, 0).has_value());
}

TEST(WalltimeTest, TheMarginIsThreeSavesAndAStepAndTenSeconds) {
  Walltime walltime(1000.0, 50);
  EXPECT_EQ(walltime.margin(), 10);
  walltime.stepped(3);
  walltime.stepped(30);  // with a validation
  walltime.stepped(3);
  walltime.saved(4);
  walltime.saved(1);
  EXPECT_EQ(walltime.margin(), 52);
}

TEST(WalltimeTest, ItIsDueWhenOnlyTheMarginIsLeft) {
  Walltime walltime(1000.0, 50);
  walltime.stepped(30);
  EXPECT_FALSE(walltime.is_due(1009));
  EXPECT_EQ(walltime.seconds_left(1009), 41);
  EXPECT_TRUE(walltime.is_due(1010));
  EXPECT_TRUE(walltime.is_due(2000));
}

TEST(WalltimeTest, WithoutAnEndItIsNeverDue) {
  for (const Walltime& walltime : {Walltime(), Walltime(std::nullopt, 5)}) {
    EXPECT_FALSE(walltime.is_due(std::numeric_limits<double>::infinity()));
    EXPECT_FALSE(walltime.seconds_left(0).has_value());
  }
}

TEST(WalltimeTest, AnEndThatIsOverIsDueAtOnce) { EXPECT_TRUE(Walltime(-10.0, 50).is_due(50)); }

}  // namespace
}  // namespace semiseg
