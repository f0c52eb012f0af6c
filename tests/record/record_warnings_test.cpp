// SPDX-License-Identifier: Apache-2.0
// Everything a table must say of runs that do not fit together; no number is invented.
#include <gtest/gtest.h>

#include "framework/record/statistics/table_data.h"
#include "framework/record/tables/results_text.h"
#include "tests/record/planted_runs.h"

namespace semiseg {
namespace {

class StatisticsSay : public PlantedRuns {};

TEST_F(StatisticsSay, TwoRunsAreTooFew) {
  const StatisticsTable table = make_statistics_table(
      all_of({three("supervised", 0), {plant({"bcp", 0, 0.2}), plant({"bcp", 1, 0.2})}}));
  EXPECT_EQ(verdict_of(table, "bcp"), RowVerdict::kTooFewRuns);
  EXPECT_TRUE(says(table.warnings, "have 2 of their seeds in common"));
}

TEST_F(StatisticsSay, OtherSeedsAreUnpairedAndSayIt) {
  const StatisticsTable table =
      make_statistics_table({plant({"supervised", 0}), plant({"bcp", 5, 0.2})});
  EXPECT_EQ(verdict_of(table, "bcp"), RowVerdict::kTooFewRuns);
  EXPECT_EQ(table.main().comparisons[0][0].paired_runs, 0);
  EXPECT_TRUE(says(table.warnings, "no seed in common"));
  EXPECT_TRUE(says(table.warnings, "one run, so the spread over seeds is not known"));
}

TEST_F(StatisticsSay, ATestSelectedRunIsFlaggedAndComparedWithItsLikeOnly) {
  Planted on_test{"bcp", 0, 0.3};
  on_test.selection = "test";
  const StatisticsTable table =
      make_statistics_table(all_of({three("supervised", 0), {plant(on_test)}}));
  EXPECT_TRUE(table.main().comparisons[row_named(table, "bcp")].empty());
  EXPECT_TRUE(says(table.warnings, "bcp: the weights were selected on the test split"));
  EXPECT_NE(to_markdown(table).find("**test** (selected on test)"), std::string::npos);
}

TEST_F(StatisticsSay, RunsOverOtherPatientsAreComparedOnCommonOnes) {
  Planted few{"bcp", 0, 0.1};
  few.patients = {"p10", "p11", "p99"};
  const StatisticsTable table = make_statistics_table({plant({"supervised", 0}), plant(few)});
  // Other numbers of cases are other sections.
  EXPECT_TRUE(table.main().comparisons[row_named(table, "bcp")].empty());
  EXPECT_TRUE(says(table.warnings, "measured under 2 conventions"));
  Planted moved{"cps", 0, 0.1};
  for (int i = 1; i < 15; ++i) moved.patients.push_back("p" + std::to_string(10 + i));
  const StatisticsTable same = make_statistics_table({plant({"supervised", 0}), plant(moved)});
  EXPECT_EQ(same.main().comparisons[row_named(same, "cps")].at(0).paired.n, 13);
  EXPECT_TRUE(says(same.warnings, "compared on 13 common ones, without p10, p24"));
}

TEST_F(StatisticsSay, APatientOfOneRunAloneIsNamed) {
  Planted moved{"supervised", 1};
  for (int i = 1; i < 15; ++i) moved.patients.push_back("p" + std::to_string(10 + i));
  const StatisticsTable table = make_statistics_table({plant({"supervised", 0}), plant(moved)});
  EXPECT_TRUE(says(table.warnings, "over different patients: p10 (in 1 of 2), p24 (in 1 of 2)"));
}

TEST_F(StatisticsSay, OnePatientHasNoIntervalAndNoTest) {
  Planted one{"supervised", 0}, other{"bcp", 0, 0.1};
  one.patients = other.patients = {"p10"};
  const StatisticsTable table = make_statistics_table({plant(one), plant(other)});
  EXPECT_TRUE(says(table.warnings, "one patient, so there is no interval and no test"));
  EXPECT_TRUE(std::isnan(table.main().rows[0].interval.interval.low));
  EXPECT_EQ(verdict_of(table, "bcp"), RowVerdict::kTooFewRuns);
  to_markdown(table);
  to_json(table);
}

TEST_F(StatisticsSay, MissingDistancesLeaveThePatientOutAndSayIt) {
  Planted lacking{"bcp", 0};
  lacking.no_distance = true;
  const StatisticsTable table =
      make_statistics_table({plant({"supervised", 0}), plant(lacking)}, {.metric = "hd95"});
  EXPECT_EQ(table.main().comparisons[row_named(table, "bcp")].at(0).paired.n, 13);
  EXPECT_TRUE(says(table.warnings, "bcp: HD95 has no value for 1 of its 14 patients"));
}

TEST_F(StatisticsSay, ConventionsAreNeverMixed) {
  Planted mm{"bcp", 0};
  mm.unit = "mm";
  const StatisticsTable table = make_statistics_table({plant({"supervised", 0}), plant(mm)});
  EXPECT_TRUE(table.main().comparisons[row_named(table, "bcp")].empty());
  EXPECT_TRUE(says(table.warnings, "measured under 2 conventions, which are never compared"));
  EXPECT_TRUE(says(table.warnings, "no supervised row with as many labels"));
  EXPECT_TRUE(says(table.warnings, "no fully labelled row"));
}

}  // namespace
}  // namespace semiseg
