// SPDX-License-Identifier: Apache-2.0
// Every field of the schema of metrics is in each file, table and report; so is a field more.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "framework/core/files.h"
#include "framework/files/csv.h"
#include "framework/record/report/report.h"
#include "framework/record/statistics/table_data.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/record/tables/results_text.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

using Json = nlohmann::json;

// The values of HD under another name, newer than any other field.
constexpr MetricField kExtra{.name = "extra",
                             .title = "Extra",
                             .brief = "extra",
                             .since = 2,
                             .value = &MetricValues<double>::hd,
                             .mean = &MetricValues<MetricMean>::hd};

// The value of the n-th field is n + 1; a field that shares its member has the same one.
CasesTable cases() {
  EvaluationRow row{.case_id = "c", .patient = "p", .label = 1, .class_name = "one"};
  row.metrics.prediction_voxels = row.metrics.reference_voxels = 1;
  double value = 0;
  for (const MetricField& field : metric_schema()) row.metrics.*field.value = ++value;
  return {.terms = {.split = "test", .selection = "val"}, .rows = {row}};
}

RunSummary summary() {
  RunSummary s{.method = "bcp", .backbone = "unet", .dataset = "acdc", .labelled = 7};
  s.terms = cases().terms;
  s.metrics = summarise(cases().rows);
  return s;
}

StatisticsTable table() {
  return make_statistics_table(
      {FoundRun{.folder = "runs/x", .summary = summary(), .unfinished = ""}});
}

void expect_column(const CsvTable& csv, const std::string& name) {
  EXPECT_EQ(std::count(csv.rows.at(0).begin(), csv.rows.at(0).end(), name), 1) << name;
}

class RecordedSchema : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) extra_.emplace(kExtra);
  }
  std::optional<ExtraMetricField> extra_;
};

TEST_P(RecordedSchema, CasesHaveAColumnForEachField) {
  const TemporaryFolder folder;
  const CsvTable csv = parse_csv(to_csv(cases()), "text");
  write_cases(folder / "cases.csv", cases());
  const CasesTable back = read_cases(folder / "cases.csv");
  for (const MetricField& field : metric_schema()) {
    expect_column(csv, field.name);
    EXPECT_EQ(back.rows.at(0).metrics.*field.value, cases().rows.at(0).metrics.*field.value);
  }
}

TEST_P(RecordedSchema, SummariesHaveAKeyForEachField) {
  const TemporaryFolder folder;
  write_run_summary(folder / "summary.json", summary());
  const Json json = Json::parse(read_file(folder / "summary.json"));
  const RunSummary back = read_run_summary(folder / "summary.json");
  for (const MetricField& field : metric_schema()) {
    const MetricMean& mean = back.metrics.overall.*field.mean;
    EXPECT_EQ(json.at("overall").at(field.name).at("mean"), mean.mean) << field.name;
    EXPECT_EQ(json.at("classes").at(0).at(field.name).at("count"), mean.count) << field.name;
  }
}

TEST_P(RecordedSchema, TablesHaveAColumnForEachShownField) {
  const CsvTable csv = parse_csv(to_csv(table()), "text");
  const std::string markdown = to_markdown(table());
  ASSERT_EQ(csv.rows.size(), 1 + shown_metrics().size());
  const auto metric = std::find(csv.rows[0].begin(), csv.rows[0].end(), "metric");
  size_t line = 0;
  for (const MetricField& field : shown_metrics()) {
    EXPECT_EQ(csv.rows[++line].at(static_cast<size_t>(metric - csv.rows[0].begin())), field.name);
    EXPECT_NE(markdown.find("| " + std::string(field.title)), std::string::npos) << field.title;
  }
}

TEST_P(RecordedSchema, TheReportListsEachShownFieldAndHasItsValues) {
  const TemporaryFolder folder;
  write_cases(folder / "cases.csv", cases());
  const Json json = Json::parse(
      report_data({FoundRun{.folder = folder / "", .summary = summary(), .unfinished = ""}}, 0));
  const Json& metrics = json.at("metrics");
  const Json& row = json.at("runs").at(0).at("scores").at("rows").at(0);
  const std::vector<MetricField> shown = shown_metrics();
  ASSERT_EQ(metrics.size(), shown.size());
  for (size_t i = 0; i < shown.size(); ++i) {
    EXPECT_EQ(metrics.at(i).at("key"), shown[i].name);
    EXPECT_EQ(metrics.at(i).at("title"), shown[i].title);
    EXPECT_EQ(metrics.at(i).at("higher_is_better"), shown[i].higher_is_better);
    EXPECT_EQ(row.at(shown[i].name), cases().rows.at(0).metrics.*shown[i].value) << shown[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Fields, RecordedSchema, ::testing::Bool(),
                         [](const auto& with) { return with.param ? "WithOneMore" : "AsTheyAre"; });

TEST(OlderFiles, FromBeforeAFieldAreRead) {
  const TemporaryFolder folder;
  write_cases(folder / "cases.csv", cases());
  write_run_summary(folder / "summary.json", summary());
  const std::string after = "volume_error,extra,component_f1";
  const ExtraMetricField extra(kExtra);
  EXPECT_NE(to_csv(cases()).find(after), std::string::npos) << to_csv(cases());
  EXPECT_TRUE(std::isnan(read_cases(folder / "cases.csv").rows.at(0).metrics.*kExtra.value));
  EXPECT_EQ((read_run_summary(folder / "summary.json").metrics.overall.*kExtra.mean).count, 0);
}

}  // namespace
}  // namespace semiseg
