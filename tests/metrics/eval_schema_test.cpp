// SPDX-License-Identifier: Apache-2.0
// The schema of metrics, and a field more that passes through evaluation and console.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "framework/metrics/evaluator.h"
#include "framework/record/tables/evaluate_text.h"
#include "tests/support/cube_source.h"

namespace semiseg {
namespace {

std::vector<EvaluationRow> rows_of(const EvaluatorOptions& options = {}) {
  return evaluate(Cubes(), Split::kTest, moved, options, *make_serial_communicator());
}

// It shares the values and the mean of Jaccard.
constexpr MetricField kExtra{.name = "extra",
                             .title = "Extra",
                             .brief = "a long heading",
                             .since = 2,
                             .value = &MetricValues<double>::jaccard,
                             .mean = &MetricValues<MetricMean>::jaccard};

TEST(MetricSchema, EveryFieldIsCompleteAndOnlyOnce) {
  std::set<std::string> names;
  int64_t since = 0;
  for (const MetricField& field : metric_schema()) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
    EXPECT_TRUE(field.title && field.brief && field.value && field.mean) << field.name;
    EXPECT_GE(field.since, since) << field.name;
    since = field.since;
  }
  EXPECT_EQ(names.size() * sizeof(double), sizeof(MetricValues<double>)) << "a member has no field";
}

TEST(MetricSchema, EveryFieldTravelsAndHasAMean) {
  const auto rows = rows_of({.metrics = metrics_to_ask(), .probabilities = [](const Volume&) {
                               return at::full({3, 6, 6, 6}, 1.0 / 3, at::kFloat);
                             }});
  const EvaluationSummary summary = summarise(rows);
  for (const MetricField& field : metric_schema()) {
    double sum = 0;
    int64_t count = 0;
    for (const EvaluationRow& row : rows) {
      const double value = row.metrics.*field.value;
      if (std::isnan(value)) continue;
      sum += field.mean_of_absolute ? std::abs(value) : value;
      ++count;
    }
    EXPECT_GT(count, 0) << field.name;
    EXPECT_EQ((summary.overall.*field.mean).count, count) << field.name;
    EXPECT_EQ((summary.overall.*field.mean).mean, sum / static_cast<double>(count)) << field.name;
  }
}

TEST(MetricSchema, WithoutDistancesTheFieldsOfSurfacesHaveNoValue) {
  for (const EvaluationRow& row : rows_of({.distances = false})) {
    for (const MetricField& field : metric_schema()) {
      EXPECT_TRUE(!field.of_surfaces || std::isnan(row.metrics.*field.value)) << field.name;
    }
  }
}

TEST(MetricSchema, TheConsoleShowsOneColumnForEachShownField) {
  const std::string text = means_table(summarise(rows_of()), {});
  EXPECT_TRUE(text.starts_with(
      "class                   Dice  Jaccard    HD95     ASD     NSD  volume   as medpy defines "
      "them, distances in voxel, NSD at 1 voxel\n"))
      << text;
}

TEST(MetricSchema, AFurtherFieldIsOnTheConsole) {
  const ExtraMetricField extra(kExtra);
  const auto rows = rows_of();
  const std::string text = means_table(summarise(rows), {});
  EXPECT_NE(text.find("NSD  volume  a long heading   as medpy"), std::string::npos) << text;
}

TEST(MetricSchema, AFurtherFieldLeavesWithItsObject) {
  const size_t fields = metric_schema().size();
  {
    const ExtraMetricField extra(kExtra);
    EXPECT_EQ(metric_schema().size(), fields + 1);
  }
  EXPECT_EQ(metric_schema().size(), fields);
}

}  // namespace
}  // namespace semiseg
