// SPDX-License-Identifier: Apache-2.0
// Rows of a table are what somebody chose, and their labels say how they differ.
#include <gtest/gtest.h>

#include "framework/files/csv.h"
#include "framework/record/statistics/table_data.h"
#include "framework/record/tables/results_table.h"

namespace semiseg {
namespace {

using Texts = std::map<std::string, std::string>;

FoundRun run_of(const std::string& method, Texts overridden = {},
                const std::string& backbone = "unet", int64_t seed = 0) {
  RunSummary s{.method = method, .backbone = "unet", .dataset = "acdc", .labelled = 7};
  s.seed = seed;
  s.choices = {{"method", method}, {"backbone", backbone}, {"protocol", "acdc_2d"}};
  s.overridden = std::move(overridden);
  s.settings_hash = method + backbone;
  for (const auto& [path, value] : s.overridden) s.settings_hash += path + value;
  s.iterations = 1000;
  return {.folder = "runs/x", .summary = s, .unfinished = ""};
}

std::vector<std::string> labels(const std::vector<FoundRun>& runs) {
  std::vector<std::string> result;
  for (const ResultsRow& row : make_results_table(runs).rows)
    result.push_back(row.method + ", " + row.backbone);
  return result;
}

using Labels = std::vector<std::string>;

TEST(Rows, AreToldApartByAnOptionOfTheMethod) {
  const std::vector<FoundRun> runs = {run_of("transmedseg"),
                                      run_of("transmedseg", {{"method.base", "\"mean_teacher\""}}),
                                      run_of("bcp", {{"method.pretrain", "0.3"}})};
  EXPECT_EQ(labels(runs),
            (Labels{"bcp, unet", "transmedseg, unet", "transmedseg base=mean_teacher, unet"}));
  EXPECT_TRUE(make_results_table(runs).warnings.empty());
}

TEST(Rows, AreToldApartByTheChosenBackboneAndItsOptions) {
  EXPECT_EQ(labels({run_of("bcp"), run_of("bcp", {}, "unet_small"),
                    run_of("bcp", {{"backbone.norm", "\"group\""}}, "unet_small")}),
            (Labels{"bcp, unet", "bcp, unet_small", "bcp, unet_small norm=group"}));
}

TEST(Rows, ShowWhatAllRunsShareNowhere) {
  const Texts shared = {{"protocol.iterations", "1200"}, {"seed", "1"}, {"labelled", "\"7\""}};
  EXPECT_EQ(labels({run_of("bcp", shared), run_of("cps", shared)}),
            (Labels{"bcp, unet", "cps, unet"}));
}

TEST(Rows, ShowWhatOneRowHasAndAnotherLacks) {
  EXPECT_EQ(labels({run_of("bcp"), run_of("cps", {{"protocol.iterations", "1200"}})}),
            (Labels{"bcp, unet", "cps protocol.iterations=1200, unet"}));
}

TEST(Rows, AreMeansOverSeedsAlone) {
  const ResultsTable table =
      make_results_table({run_of("bcp", {{"seed", "1"}}, "unet", 1), run_of("bcp", {}, "unet", 0)});
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0].seeds, (std::vector<int64_t>{0, 1}));
}

TEST(Rows, OfOlderRunsJoinThoseOfTheSameSettings) {
  FoundRun older = run_of("bcp", {}, "unet", 1), another = run_of("bcp", {}, "unet", 2);
  older.summary->choices.clear();
  another.summary->choices.clear();
  another.summary->settings_hash = "of no newer run";
  const ResultsTable table = make_results_table({run_of("bcp"), older, another});
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].seeds, std::vector<int64_t>{2});
  EXPECT_EQ(table.rows[1].seeds, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(table.rows[0].method, "bcp");
}

TEST(Rows, HaveAllTheirChoicesInTheCsv) {
  const CsvTable csv = parse_csv(
      to_csv(make_statistics_table({run_of("bcp", {{"method.mask", "\"box\""}})})), "text");
  EXPECT_EQ(csv.rows[0].back(), "choices");
  EXPECT_EQ(csv.rows[1].back(), "backbone=unet method=bcp method.mask=box protocol=acdc_2d");
}

TEST(Rows, ChoicesSurviveASummaryFile) {
  const RunSummary summary = *run_of("bcp", {{"method.mask", "\"box\""}}).summary;
  const std::filesystem::path file = testing::TempDir() + "semiseg_rows_summary.json";
  write_run_summary(file, summary);
  const RunSummary back = read_run_summary(file);
  std::filesystem::remove(file);
  EXPECT_EQ(back.choices, summary.choices);
  EXPECT_EQ(back.overridden, summary.overridden);
}

}  // namespace
}  // namespace semiseg
