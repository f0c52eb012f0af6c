// SPDX-License-Identifier: Apache-2.0
// summary.json, and the table over many runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/files/csv.h"
#include "framework/record/statistics/table_data.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/record/tables/results_table.h"
#include "framework/record/tables/results_text.h"
#include "tests/record/case_rows.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

RunSummary run_summary(const std::string& method, int64_t labelled, int64_t seed, double dice) {
  RunSummary s{
      .method = method, .backbone = "unet", .dataset = "acdc", .labelled = labelled, .seed = seed};
  s.terms = {.split = "test", .selection = "val"};
  s.metrics = summarise(some_cases().rows);
  s.metrics.overall.dice.mean = dice;
  s.metrics.overall.jaccard.mean = dice / 2;
  s.metrics.overall.hd95.mean = 10 * dice;
  s.config_hash = "0123456789abcdef";
  s.iterations = 30000;
  s.wall_seconds = 12.5;
  return s;
}

TEST(RunSummary, SurvivesARoundTrip) {
  const TemporaryFolder folder;
  RunSummary summary = run_summary("bcp", 7, 3, 0.1 + 0.2);
  summary.label_based_preparation = true;
  write_run_summary(folder / "summary.json", summary);
  const RunSummary back = read_run_summary(folder / "summary.json");
  EXPECT_EQ(back.metrics.overall.dice.mean, 0.1 + 0.2);
  EXPECT_EQ(back.metrics.class_names, (std::vector<std::string>{"left", "right"}));
  EXPECT_TRUE(std::isnan(back.metrics.classes[1].asd.mean));
  EXPECT_EQ(back.metrics.overall.missed, 1);
  EXPECT_TRUE(back.label_based_preparation);
  EXPECT_EQ(to_json(back), to_json(summary));
}

TEST(RunSummary, ReadsFilesFromBeforeTheSurfaceDice) {
  const TemporaryFolder folder;
  nlohmann::json older = nlohmann::json::parse(to_json(run_summary("bcp", 7, 3, 0.5)));
  older.erase("tolerance");
  for (nlohmann::json* means : {&older["overall"], &older["classes"][0], &older["classes"][1]}) {
    means->erase("surface_dice");
    means->erase("volume_error");
  }
  write_file(folder / "summary.json", older.dump());
  const RunSummary back = read_run_summary(folder / "summary.json");
  EXPECT_EQ(back.metrics.overall.dice.mean, 0.5);
  EXPECT_EQ(back.terms.tolerance, "1");
  EXPECT_TRUE(std::isnan(back.metrics.overall.surface_dice.mean));
  EXPECT_EQ(back.metrics.overall.surface_dice.count, 0);
}

TEST(RunSummary, AnInfiniteMeanIsNotAMissingOne) {
  const TemporaryFolder folder;
  RunSummary summary = run_summary("bcp", 7, 3, 0.5);
  summary.metrics.overall.hd95.mean = std::numeric_limits<double>::infinity();
  write_run_summary(folder / "summary.json", summary);
  EXPECT_TRUE(std::isinf(read_run_summary(folder / "summary.json").metrics.overall.hd95.mean));
}

TEST(RunSummary, NumbersThatAreNoWholeOnesAreRefused) {
  const TemporaryFolder folder;
  const std::string text = to_json(run_summary("bcp", 7, 3, 0.5));
  for (const char* number : {"1e300", "7.5", "18446744073709551615", "\"7\""}) {
    std::string changed = text;
    const std::string key = "\"labelled\": ";
    changed.replace(changed.find(key) + key.size(), 1, number);
    write_file(folder / "summary.json", changed);
    data_error([&] { read_run_summary(folder / "summary.json"); });
  }
}

TEST(RunSummary, NamesADamagedFile) {
  const TemporaryFolder folder;
  write_file(folder / "summary.json", R"({"format": 1})");
  EXPECT_EQ(data_error([&] { read_run_summary(folder / "summary.json"); }).where,
            folder / "summary.json");
}

TEST(SeedStatistics, AreThoseOfASample) {
  const SeedStatistics s = seed_statistics({1, 2, 4});
  EXPECT_DOUBLE_EQ(s.mean, 7.0 / 3);
  EXPECT_DOUBLE_EQ(s.deviation, std::sqrt(7.0 / 3));  // squares 16/9 + 1/9 + 25/9, over 2
  EXPECT_EQ(s.n, 3);
  EXPECT_TRUE(std::isnan(seed_statistics({1}).deviation));
  EXPECT_TRUE(std::isnan(seed_statistics({}).mean));
}

FoundRun found(const RunSummary& summary) { return {.folder = "runs/x", .summary = summary}; }

std::string value_of(const CsvTable& csv, size_t row, const std::string& column) {
  const auto at = std::find(csv.rows[0].begin(), csv.rows[0].end(), column) - csv.rows[0].begin();
  return csv.rows.at(row).at(static_cast<size_t>(at));
}

TEST(ResultsTable, GroupsSeedsAndSortsRows) {
  const ResultsTable table = make_results_table(
      {found(run_summary("ua_mt", 7, 0, 0.7)), found(run_summary("bcp", 14, 0, 0.9)),
       found(run_summary("bcp", 7, 1, 0.82)), found(run_summary("bcp", 7, 0, 0.80))});
  ASSERT_EQ(table.rows.size(), 3);
  EXPECT_EQ(table.rows[0].method, "bcp");
  EXPECT_EQ(table.rows[0].labelled, 7);
  EXPECT_EQ(table.rows[0].seeds, (std::vector<int64_t>{0, 1}));
  const SeedStatistics& dice = table.rows[0].metrics.at(0);
  EXPECT_DOUBLE_EQ(dice.mean, 0.81);
  EXPECT_NEAR(dice.deviation, 0.02 / std::sqrt(2), 1e-12);
  EXPECT_EQ(table.rows[0].missed, 2);
  EXPECT_EQ(table.rows[1].method, "ua_mt");
  EXPECT_EQ(table.rows[2].labelled, 14);
  EXPECT_TRUE(table.warnings.empty());
}

TEST(ResultsTable, NeverMixesTermsOrSelections) {
  RunSummary in_mm = run_summary("bcp", 7, 1, 0.8), on_test = run_summary("bcp", 7, 2, 0.9);
  in_mm.terms.unit = "mm";
  on_test.terms.selection = "test";
  const ResultsTable table =
      make_results_table({found(run_summary("bcp", 7, 0, 0.7)), found(in_mm), found(on_test)});
  EXPECT_EQ(table.rows.size(), 3);
  for (const ResultsRow& row : table.rows) EXPECT_EQ(row.seeds.size(), 1);
}

TEST(ResultsTable, WarnsWhenSettingsDifferInMoreThanTheSeed) {
  RunSummary short_run = run_summary("bcp", 7, 0, 0.7), long_run = run_summary("bcp", 7, 1, 0.8),
             older = run_summary("bcp", 7, 2, 0.8);
  short_run.settings_hash = long_run.settings_hash = "1111";
  EXPECT_TRUE(
      make_results_table({found(short_run), found(long_run), found(older)}).warnings.empty());
  long_run.settings_hash = "2222";
  const auto warnings = make_results_table({found(short_run), found(long_run)}).warnings;
  ASSERT_EQ(warnings.size(), 1);
  EXPECT_NE(warnings[0].find("mixes 2 different settings"), std::string::npos) << warnings[0];
}

TEST(ResultsTable, NamesTheSettingsThatDiffer) {
  const TemporaryFolder folder;
  write_file(folder / "a/config.toml",
             "seed = 0\nthreads = 1\n[method]\nweight = 1\nname = \"bcp\"");
  write_file(folder / "b/config.toml", "seed = 1\nthreads = 4\n[method]\nname = \"bcp\"");
  RunSummary one = run_summary("bcp", 7, 0, 0.7), other = run_summary("bcp", 7, 1, 0.8);
  one.settings_hash = "1111";
  other.settings_hash = "2222";
  const auto warnings =
      make_results_table({{.folder = folder / "a", .summary = one, .unfinished = ""},
                          {.folder = folder / "b", .summary = other, .unfinished = ""}})
          .warnings;
  ASSERT_EQ(warnings.size(), 1);
  EXPECT_NE(warnings[0].find("(method.weight 1 or default)"), std::string::npos) << warnings[0];
}

// Their own options say which settings can change a result: those of the summaries.
TEST(ResultsTable, NamesTheSettingsThatTheSummariesGive) {
  const TemporaryFolder folder;
  RunSummary one = run_summary("bcp", 7, 0, 0.7), other = run_summary("bcp", 7, 1, 0.8);
  one.settings_hash = "1111";
  using Settings = std::map<std::string, std::string>;
  one.settings = Settings{{"method.name", "\"bcp\""}, {"method.weight", "1.0"}};
  other.settings_hash = "2222";
  other.settings = Settings{{"method.name", "\"bcp\""}};
  const auto warning = [&](const RunSummary& first, const RunSummary& second) {
    write_run_summary(folder / "a/summary.json", first);
    write_run_summary(folder / "b/summary.json", second);
    write_file(folder / "a/config.toml", "[dataset]\nroot = \"/a\"");
    write_file(folder / "b/config.toml", "[dataset]\nroot = \"/b\"");
    return make_results_table({{.folder = folder / "a", .summary = first, .unfinished = ""},
                               {.folder = folder / "b", .summary = second, .unfinished = ""}})
        .warnings.at(0);
  };
  EXPECT_NE(warning(one, other).find("(method.weight 1.0 or default)"), std::string::npos);
  other.settings.reset();
  EXPECT_NE(warning(one, other).find("(dataset.root \"/a\" or \"/b\")"), std::string::npos);
}

TEST(ResultsTable, ASmokeRunSaysThatItIsOne) {
  RunSummary smoke = run_summary("bcp", 7, 0, 0.7);
  smoke.iterations = 12;
  const auto warnings = make_results_table({found(smoke)}).warnings;
  ASSERT_EQ(warnings.size(), 1);
  EXPECT_NE(warnings[0].find("smoke run of 12 iterations"), std::string::npos) << warnings[0];
}

TEST(ResultsTable, NamesOutOfFilesAreText) {
  const StatisticsTable table = make_statistics_table(
      {found(run_summary("<b>|a\n\x1b[2J`", 7, 0, 0.7)),
       found(run_summary("=1+2", 7, 0, 0.7)),
       {.folder = "runs/x", .summary = {}, .unfinished = "failed: a\n  where: b"}});
  const std::string text = to_markdown(table);
  EXPECT_NE(text.find("| 7 | &lt;b&gt;\\|a; \\\\x1b\\[2J\\` |"), std::string::npos) << text;
  EXPECT_NE(text.find("- runs/x: failed: a; where: b\n"), std::string::npos) << text;
  const CsvTable csv = parse_csv(to_csv(table), "text");
  EXPECT_EQ(value_of(csv, 1, "method").substr(0, 4), "<b>|");
  EXPECT_EQ(value_of(csv, 2, "method"), "'=1+2");
}

TEST(ResultsTable, WarnsWhenASeedAppearsTwice) {
  const ResultsTable table = make_results_table(
      {found(run_summary("bcp", 7, 0, 0.7)), found(run_summary("bcp", 7, 0, 0.8))});
  EXPECT_EQ(table.warnings,
            std::vector<std::string>{"acdc, 7 labelled, bcp: seed 0 stands for 2 runs"});
}

TEST(ResultsTable, MarkdownHasOneTableForEachSection) {
  RunSummary on_test = run_summary("bcp", 7, 0, 0.9), mm = run_summary("bcp", 7, 0, 0.5);
  on_test.terms.selection = "test";
  mm.terms.unit = "mm";
  mm.metrics.overall.hd95 = {kNaN, 0};
  StatisticsTable table =
      make_statistics_table({found(run_summary("bcp", 7, 0, 0.80)),
                             found(run_summary("bcp", 7, 1, 0.82)), found(on_test), found(mm)});
  table.results.unfinished = {"runs/y: stopped: on request"};
  const std::string text = to_markdown(table);
  for (const char* part :
       {"### acdc, test split, 2 cases; 1 run a row (seed 0); weights selected on val\n",
        "### acdc, test split, 2 cases; 1 to 2 runs a row (seeds 0, 1); weights selected on test "
        "or "
        "val\n",
        "| 7 | bcp | unet | 1 | 50.00 | – | – | – | 25.00 | – | 0.33 | 40.00 | 62.50 | val |\n",
        "| 7 | bcp | unet | 1 | 90.00 | – | – | – | 45.00 | 9.00 | 0.33 | 40.00 | 62.50 | **test** "
        "(selected on test) |\n",
        "| 7 | bcp | unet | 2 | 81.00 ± 1.41 | – | – | – | 40.50 ± 0.71 | 8.10 ± 0.14 | 0.33 ± "
        "0.00 | 40.00 ± 0.00 | 62.50 ± 0.00 | val |\n",
        "- acdc, 7 labelled, bcp: 2 missed, 2 false positive, 2 both empty\n",
        "no run has a cases.csv", "selected on the test split", "measured under 2 conventions",
        "\nUnfinished runs (in no row):\n\n- runs/y: stopped: on request\n"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(ResultsTable, CsvHasOneLineForEachRowAndMetric) {
  const CsvTable csv =
      parse_csv(to_csv(make_statistics_table({found(run_summary("bcp", 7, 3, 0.5))})), "text");
  const std::vector<MetricField> shown = shown_metrics();
  const auto unasked = std::count_if(shown.begin(), shown.end(),
                                     [](const MetricField& field) { return !field.asked_as; });
  ASSERT_EQ(std::ssize(csv.rows), 1 + unasked);
  EXPECT_EQ(value_of(csv, 1, "method"), "bcp");
  EXPECT_EQ(value_of(csv, 1, "seeds"), "3");
  EXPECT_EQ(value_of(csv, 1, "metric"), "dice");
  EXPECT_EQ(value_of(csv, 1, "mean"), "50");
  EXPECT_EQ(value_of(csv, 1, "std_seeds"), "");
  EXPECT_EQ(value_of(csv, 3, "metric"), "hd95");
  EXPECT_EQ(value_of(csv, 1, "selected_on_test"), "no");
  EXPECT_EQ(value_of(csv, 1, "both_empty"), "1");
}

}  // namespace
}  // namespace semiseg
