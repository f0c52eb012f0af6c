// SPDX-License-Identifier: Apache-2.0
// Verdicts of planted tables, and every form of a table.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "framework/core/files.h"
#include "framework/files/csv.h"
#include "framework/record/published/benchmark.h"
#include "framework/record/statistics/full_text.h"
#include "framework/record/statistics/latex_text.h"
#include "framework/record/statistics/table_data.h"
#include "framework/record/statistics/verify_summary.h"
#include "framework/record/tables/results_text.h"
#include "tests/record/planted_runs.h"
#include "tests/support/expect_error.h"
#include "tests/support/places.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

class Statistics : public PlantedRuns {};

TEST_F(Statistics, TheSameMethodUnderOtherSeedsIsNotSeparable) {
  const StatisticsTable table = make_statistics_table(all_of(
      {three("supervised", 0), three("mean_teacher", 0), three("bcp", 0.05), three("cps", -0.05)}));
  EXPECT_EQ(verdict_of(table, "mean_teacher"), RowVerdict::kNotSeparable);
  EXPECT_EQ(verdict_of(table, "bcp"), RowVerdict::kBetter);
  EXPECT_EQ(verdict_of(table, "cps"), RowVerdict::kWorse);
  const std::string text = to_markdown(table);
  EXPECT_NE(text.find("Dice against supervised: better: bcp (+"), std::string::npos) << text;
  EXPECT_NE(text.find("not separable: mean_teacher."), std::string::npos) << text;
  EXPECT_NE(text.find("14 patients (28 cases); 3 runs a row (seeds 0, 1, 2)"), std::string::npos)
      << text;
}

TEST_F(Statistics, ASmallerDistanceIsBetter) {
  const StatisticsTable table = make_statistics_table(
      all_of({three("supervised", 0), three("bcp", 0.05)}), {.metric = "hd95"});
  EXPECT_EQ(verdict_of(table, "bcp"), RowVerdict::kBetter);
  const CsvTable csv = parse_csv(to_csv(table), "text");
  const auto column = [&](const std::string& name) {
    return csv.rows[1].at(static_cast<size_t>(
        std::find(csv.rows[0].begin(), csv.rows[0].end(), name) - csv.rows[0].begin()));
  };
  EXPECT_EQ(column("metric"), "hd95");
  EXPECT_LT(std::stod(column("difference")), 0);
  EXPECT_LT(std::stod(column("two_way_high")), 0);
}

TEST_F(Statistics, TheReferenceCanBeNamed) {
  const auto runs = all_of({three("supervised", 0), three("bcp", 0.05)});
  const StatisticsTable table = make_statistics_table(runs, {.against = "bcp"});
  EXPECT_EQ(verdict_of(table, "supervised"), RowVerdict::kWorse);
  expect_error(ErrorKind::kConfig, {"no row of the table has this name", "bcp, supervised", "bpc"},
               [&] { make_statistics_table(runs, {.against = "bpc"}); });
  expect_error(ErrorKind::kConfig, {"dise", "dice"},
               [&] { make_statistics_table(runs, {.metric = "dise"}); });
}

TEST_F(Statistics, PartsHaveVerdictsOfTheirOwn) {
  const StatisticsTable table =
      make_statistics_table(all_of({three("supervised", 0), three("bcp", 0.05)}), {.per = "class"});
  const std::string text = to_markdown(table);
  EXPECT_NE(text.find("Dice [%] of each class:\n\n| labelled | method | left | verdict | right |"),
            std::string::npos)
      << text;
}

TEST_F(Statistics, GapsAndTailsComeFromTheRecordsOfARun) {
  const FoundRun run = plant({"supervised", 0, 0.1}), last = plant({"supervised", 0, 0.06});
  CasesTable cases = read_cases(last.folder / "cases.csv");
  cases.terms.selection = "last";
  write_cases(run.folder / kLastCasesFile, cases);
  std::string log;
  for (int i = 1; i <= 20; ++i) {
    log += R"({"stage":"train","iteration":1,"step":)" + std::to_string(i) +
           R"(,"values":{"loss.total":1}})" + "\n" + R"({"stage":"train","iteration":1,"step":)" +
           std::to_string(i) + R"(,"split":"val","values":{"dice":)" + std::to_string(i / 100.0) +
           "}}\n";
  }
  write_file(run.folder / "metrics.jsonl", log);
  const StatisticsTable table = make_statistics_table({run});
  EXPECT_NEAR(table.main().rows[0].gap, 0.04, 1e-12);
  const auto& tail = table.records[0][0].tail;
  ASSERT_TRUE(tail);
  EXPECT_EQ(tail->validations, 2);
  EXPECT_NEAR(tail->mean, 0.195, 1e-12);
  const std::string full = to_full_markdown(table);
  EXPECT_NE(full.find("selected − last"), std::string::npos);
  EXPECT_NE(full.find("| 19.50 |"), std::string::npos) << full;
}

TEST_F(Statistics, EveryFormHasTheSameNumbers) {
  const StatisticsTable table =
      make_statistics_table(all_of({three("supervised", 0), three("bcp", 0.05)}));
  const nlohmann::json json = nlohmann::json::parse(to_json(table));
  const size_t row = row_named(table, "bcp");
  const auto line = std::find_if(json.at("lines").begin(), json.at("lines").end(),
                                 [](const auto& one) { return one.at("method") == "bcp"; });
  ASSERT_NE(line, json.at("lines").end());
  EXPECT_EQ(line->at("mean"), 100 * table.main().rows[row].mean);
  EXPECT_EQ(line->at("verdict"), "better");
  EXPECT_EQ(line->at("against"), "supervised");
  EXPECT_EQ(line->at("std_draws"), nullptr);
  const std::string latex = to_latex(table);
  EXPECT_NE(latex.find("\\toprule\nlabelled & method & runs & Dice [\\%]"), std::string::npos)
      << latex;
  EXPECT_NE(latex.find(" & better & "), std::string::npos) << latex;
}

TEST_F(Statistics, ARowComparedWithItselfTies) {
  const auto runs = three("supervised", 0);
  std::vector<FoundRun> both = runs;
  for (FoundRun run : runs) {
    run.summary->method = "bcp";
    both.push_back(run);
  }
  const StatisticsTable table = make_statistics_table(both);
  EXPECT_EQ(verdict_of(table, "bcp"), RowVerdict::kNotSeparable);
  EXPECT_EQ(table.main().comparisons[row_named(table, "bcp")][0].paired.ties, 14);
  EXPECT_EQ(table.main().ranks[0]->p_first, 0.5);
}

TEST_F(Statistics, PublishedRowsStandApartAndSayWhatIsUnknown) {
  write_file(folder_ / "published.toml",
             "[a]\nmethod = \"bcp\"\ndataset = \"phantom\"\nlabelled = 3\nvalues = {dice = 70.0}\n"
             "deviations = {dice = 5}\npatients = 14\nselection = \"test\"\nsource = \"a paper\"\n"
             "[b]\nmethod = \"dan\"\ndataset = \"phantom\"\nlabelled = 3\nvalues = {dice = 80}\n"
             "[c]\nmethod = \"bcp\"\ndataset = \"phantom\"\nlabelled = 3\nvalues = {dice = 80}\n");
  const auto published = read_published(folder_ / "published.toml");
  const StatisticsTable table = make_statistics_table(three("bcp", 0.1));
  const std::string text = to_markdown(table, published);
  EXPECT_NE(text.find("| *3* | *bcp* | *70.00 ± 5.00* | 14 | test | "), std::string::npos) << text;
  EXPECT_NE(
      text.find("| *3* | *dan* | *80.00* | unknown | unknown | not run | – | unknown | unknown |"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find(" | n unknown | "), std::string::npos) << text;
  write_file(folder_ / "wrong.toml", "[a]\nmethod = 3\n");
  expect_error(ErrorKind::kConfig, {"wrong.toml", "method", "a text"},
               [&] { read_published(folder_ / "wrong.toml"); });
}

TEST_F(Statistics, AChangedSummaryIsNamed) {
  const fs::path run = plant({"bcp", 0}).folder;
  EXPECT_TRUE(verify_summary(run).empty());
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(read_file(run / "summary.json"));
  json["overall"]["dice"]["mean"] = 0.9;
  json["classes"][1]["missed"] = 5;
  write_file(run / "summary.json", json.dump());
  const auto differences = verify_summary(run);
  ASSERT_EQ(differences.size(), 2);
  EXPECT_TRUE(says(differences, "/overall/dice/mean is 0.9, but 0.6"));
  EXPECT_TRUE(says(differences, "/classes/1/missed is 5, but 0"));
  write_file(run / "config.toml", "seed = 4\n[method]\nname = \"bcp\"\n");
  EXPECT_TRUE(says(verify_summary(run), "/seed is 0, but 4"));
}

TEST_F(Statistics, ABenchmarkNamesTheRunsThatAreMissing) {
  write_file(folder_ / "benchmark.toml",
             "dataset = \"phantom\"\nmethods = [\"bcp\", \"dan\"]\nlabelled = [3, \"all\"]\n"
             "seeds = [0, 1, 2, 7]\n");
  const BenchmarkPlan benchmark = read_benchmark(folder_ / "benchmark.toml");
  EXPECT_EQ(missing_runs(benchmark, make_statistics_table(three("bcp", 0))),
            (std::vector<std::string>{"bcp, 3 labelled: seed 7", "bcp, all labelled: no run",
                                      "dan, 3 labelled: no run", "dan, all labelled: no run"}));
  write_file(folder_ / "benchmark.toml",
             "dataset = \"nnunet_raw\"\nrows = \"phantom\"\nsettings = [\"a=1\"]\n"
             "methods = [\"bcp\"]\nlabelled = [3]\nseeds = [0]\n");
  EXPECT_TRUE(missing_runs(read_benchmark(folder_ / "benchmark.toml"),
                           make_statistics_table(three("bcp", 0)))
                  .empty());
  write_file(folder_ / "benchmark.toml", "dataset = \"phantom\"\nmethods = [\"bcp\"]\n");
  expect_error(ErrorKind::kConfig, {"has no run", "benchmark.toml", "labelled"},
               [&] { read_benchmark(folder_ / "benchmark.toml"); });
  write_file(folder_ / "benchmark.toml", "seeds = [\"all\"]\n");
  expect_error(ErrorKind::kConfig, {"benchmark.toml:1: seeds", "numbers"},
               [&] { read_benchmark(folder_ / "benchmark.toml"); });
}

TEST(Benchmarks, OfTheTreeAndTheirPublishedRowsAreRead) {
  for (const auto& entry : fs::directory_iterator(source_folder() / "experiments" / "benchmark")) {
    const BenchmarkPlan benchmark = read_benchmark(entry.path());
    EXPECT_FALSE(benchmark.methods.empty()) << entry.path();
    EXPECT_FALSE(benchmark.seeds.empty()) << entry.path();
  }
  for (const auto& entry : fs::directory_iterator(source_folder() / "results" / "reference"))
    EXPECT_FALSE(read_published(entry.path()).empty()) << entry.path();
}

}  // namespace
}  // namespace semiseg
