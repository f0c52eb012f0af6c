// SPDX-License-Identifier: Apache-2.0
// Metrics that are measured only when asked for, on maps whose numbers are computed by hand.
#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/config/compose.h"
#include "framework/core/ignore_label.h"
#include "framework/metrics/evaluator.h"
#include "framework/metrics/metrics.h"
#include "framework/record/tables/cases_csv.h"
#include "framework/record/tables/evaluate_text.h"
#include "tests/support/cube_source.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {

// One digit a pixel, rows apart by blanks.
at::Tensor map_of(const std::string& rows) {
  const auto width = static_cast<int64_t>(std::min(rows.find(' '), rows.size()));
  std::vector<int64_t> labels;
  for (const char c : rows) {
    if (c != ' ') labels.push_back(c == 'x' ? kIgnoreLabel : c - '0');
  }
  return at::tensor(labels).to(at::kByte).view({-1, width});
}

ClassMetrics components(const std::string& prediction, const std::string& reference,
                        EmptyPolicy empty = EmptyPolicy::kExclude) {
  return compute_metrics(map_of(prediction), map_of(reference), 2,
                         {.empty = empty, .has_ignore_label = true, .components = true})[0];
}

// p: the probability of class 1 of each pixel.
ClassMetrics calibration(const std::string& prediction, const std::string& reference,
                         const std::vector<double>& p, EmptyPolicy empty = EmptyPolicy::kExclude) {
  const at::Tensor labels = map_of(reference);
  const at::Tensor one = at::tensor(p).to(at::kFloat).view(labels.sizes());
  const at::Tensor both = at::stack({1 - one, one});
  return compute_metrics(map_of(prediction), labels, 2,
                         {.empty = empty, .has_ignore_label = true, .probabilities = &both})[0];
}

void expect_counts(const ClassMetrics& m, double found, double missed, double wrong) {
  EXPECT_EQ(m.components_found, found);
  EXPECT_EQ(m.components_missed, missed);
  EXPECT_EQ(m.components_false, wrong);
}

// The reference has a diagonal pair, a pixel and a line; the prediction touches the pair and the
// line, and adds a pixel.
TEST(ComponentMetrics, CountFoundMissedAndFalseOnes) {
  const ClassMetrics m = components("0000001 0100000 0000000 0000000 0111000",  //
                                    "1000100 0100000 0000000 0000000 1100000");
  expect_counts(m, 2, 1, 1);
  EXPECT_DOUBLE_EQ(m.component_f1, 4.0 / 6);
}

TEST(ComponentMetrics, OnePredictedComponentMayFindSeveral) {
  const ClassMetrics m = components("1111111", "1010100");
  expect_counts(m, 3, 0, 0);
  EXPECT_EQ(m.component_f1, 1);
}

TEST(ComponentMetrics, ComponentsOfAnotherClassAreNotMatched) {
  const auto metrics = compute_metrics(map_of("1102"), map_of("2202"), 3, {.components = true});
  expect_counts(metrics[0], 0, 0, 1);
  expect_counts(metrics[1], 1, 1, 0);
  EXPECT_EQ(metrics[0].component_f1, 0);
  EXPECT_DOUBLE_EQ(metrics[1].component_f1, 2.0 / 3);
}

TEST(ComponentMetrics, VolumesAreConnectedAcrossPlanes) {
  const at::Tensor corner = box({2, 2, 2}, {0, 0, 0}, {1, 1, 1});
  const at::Tensor chain = corner + box({2, 2, 2}, {1, 1, 1}, {2, 2, 2});
  expect_counts(compute_metrics(corner, chain, 2, {.components = true})[0], 1, 0, 0);
}

TEST(ComponentMetrics, VoxelsWithoutAClassAreInNoComponent) {
  expect_counts(components("1111", "1x01"), 2, 0, 0);
  expect_counts(components("0110", "0x00"), 0, 0, 1);
  expect_counts(components("0100", "0x00"), 0, 0, 0);
}

TEST(ComponentMetrics, AbsentClassesFollowThePolicy) {
  expect_counts(components("000", "101"), 0, 2, 0);
  expect_counts(components("101", "000"), 0, 0, 2);
  EXPECT_EQ(components("101", "000").component_f1, 0);
  const ClassMetrics both = components("000", "000");
  expect_counts(both, 0, 0, 0);
  EXPECT_EQ(both.component_f1, 1);
  const ClassMetrics ignored = components("000", "000", EmptyPolicy::kIgnore);
  EXPECT_TRUE(std::isnan(ignored.component_f1) && std::isnan(ignored.components_missed));
  EXPECT_EQ(components("000", "101", EmptyPolicy::kReference).components_missed, 0);
}

// The box is columns 1 to 3. 0.9 and 0.91 lie in one bin of fifteen, 0.3 in another:
// (|0.9 + 0.91 - 1| + |0.3 - 1|) / 3 and (0.1² + 0.7² + 0.91²) / 3.
TEST(CalibrationMetrics, AreThoseOfTheBoxAroundTheClass) {
  const ClassMetrics m = calibration("01010", "01100", {0.5, 0.9, 0.3, 0.91, 0.5});
  EXPECT_NEAR(m.ece, (0.81 + 0.7) / 3, 1e-7);
  EXPECT_NEAR(m.brier, (0.01 + 0.49 + 0.8281) / 3, 1e-7);
}

TEST(CalibrationMetrics, OfCertainAndRightProbabilitiesAreZero) {
  const ClassMetrics m = calibration("0110 0101", "0110 0101", {0, 1, 1, 0, 0, 1, 0, 1});
  EXPECT_EQ(m.ece, 0);
  EXPECT_EQ(m.brier, 0);
}

// 0.14 and 0.19 lie in the third bin of fifteen, 0.21 in the fourth.
TEST(CalibrationMetrics, BinsAreFifteenths) {
  EXPECT_NEAR(calibration("11", "10", {0.14, 0.19}).ece, (1 - 0.33) / 2, 1e-7);
  EXPECT_NEAR(calibration("11", "10", {0.19, 0.21}).ece, (0.81 + 0.21) / 2, 1e-7);
}

TEST(CalibrationMetrics, VoxelsWithoutAClassDoNotCount) {
  const ClassMetrics m = calibration("111", "1x1", {0.5, 0.9, 0.5});
  EXPECT_NEAR(m.ece, 0.5, 1e-7);
  EXPECT_NEAR(m.brier, 0.25, 1e-7);
}

TEST(CalibrationMetrics, AbsentClassesFollowThePolicy) {
  EXPECT_NEAR(calibration("00", "01", {0.2, 0.4}).brier, 0.36, 1e-7);
  EXPECT_NEAR(calibration("01", "00", {0.2, 0.6}).ece, 0.6, 1e-7);
  EXPECT_TRUE(std::isnan(calibration("00", "00", {0.2, 0.4}).brier));
  EXPECT_EQ(calibration("00", "01", {0.2, 0.4}, EmptyPolicy::kReference).brier, 0);
}

TEST(AskedMetrics, HaveNoValueUnasked) {
  for (const EmptyPolicy empty : {EmptyPolicy::kIgnore, EmptyPolicy::kExclude,
                                  EmptyPolicy::kReference, EmptyPolicy::kDefinition}) {
    for (const char* prediction : {"00", "10"}) {
      const ClassMetrics m =
          compute_metrics(map_of(prediction), map_of("00"), 2, {.empty = empty})[0];
      for (const MetricField& field : metric_schema())
        EXPECT_TRUE(!field.asked_as || std::isnan(m.*field.value)) << field.name;
    }
  }
}

// The first border voxel lies 1 from the other, which only the tolerance of the second class has.
TEST(ClassTolerances, AreThoseOfTheirClass) {
  const at::Tensor prediction = map_of("100200"), reference = map_of("010020");
  const auto metrics = compute_metrics(prediction, reference, 3, {.class_tolerances = {0.5, 1}});
  EXPECT_EQ(metrics[0].surface_dice, 0);
  EXPECT_EQ(metrics[1].surface_dice, 1);
}

at::Tensor certain(const Volume& volume) {
  const at::Tensor label = moved(volume).to(at::kLong);
  return at::one_hot(label, 3).movedim(3, 0).to(at::kFloat).contiguous();
}

std::vector<EvaluationRow> measured(const EvaluatorOptions& options) {
  return evaluate(Cubes(), Split::kTest, moved, options, *make_serial_communicator());
}

TEST(AskedMetrics, TheEvaluatorPredictsProbabilitiesOnlyWhenAsked) {
  int predicted = 0;
  EvaluatorOptions options{.probabilities = [&](const Volume& volume) {
    ++predicted;
    return certain(volume);
  }};
  EXPECT_TRUE(std::isnan(measured(options).at(0).metrics.ece));
  options.metrics = {"components", "calibration"};
  options.distances = false;
  EXPECT_TRUE(std::isnan(measured(options).at(0).metrics.component_f1));
  EXPECT_EQ(predicted, 0);
  options.distances = true;
  const ClassMetrics m = measured(options).at(0).metrics;
  EXPECT_EQ(predicted, 5);
  EXPECT_EQ(m.component_f1, 1);
  // Every probability is 0 or 1, so that both are the part of the box that is wrong.
  const int64_t wrong = m.prediction_voxels + m.reference_voxels - 2 * m.overlap_voxels;
  EXPECT_GT(wrong, 0);
  EXPECT_GT(m.brier, 0);
  EXPECT_EQ(static_cast<double>(wrong) / m.brier, std::round(static_cast<double>(wrong) / m.brier));
}

TEST(AskedMetrics, StandInFilesAndOnTheConsoleOnlyWhenMeasured) {
  const TemporaryFolder folder;
  const auto plain = measured({}), asked = measured({.metrics = {"components"}});
  EXPECT_EQ(to_csv(CasesTable{{}, plain}).find("component"), std::string::npos);
  EXPECT_EQ(means_table(summarise(plain), {}).find("F1"), std::string::npos);
  EXPECT_NE(means_table(summarise(asked), {}).find("comp. F1"), std::string::npos);
  write_cases(folder / "cases.csv", {{}, asked});
  const auto back = read_cases(folder / "cases.csv").rows;
  EXPECT_EQ(back.at(0).metrics.components_found, 1);
  EXPECT_EQ(back.at(0).metrics.volume_error, asked.at(0).metrics.volume_error);
  EXPECT_TRUE(std::isnan(back.at(0).metrics.ece));
}

TEST(AskedMetrics, AnUnknownNameIsRefused) {
  expect_error(ErrorKind::kConfig, {"no metric 'eec'", "components, calibration", "metrics"},
               [] { EvaluatorOptions::read(parse_config("metrics = ['eec']")); });
  EXPECT_TRUE(
      EvaluatorOptions::read(parse_config("metrics = ['calibration']")).asks_for("calibration"));
}

TEST(ClassTolerances, AreOneForEachClass) {
  expect_error(ErrorKind::kConfig,
               {"class that is not there", "2, one for each of a, b", "3: 1,2,3"}, [] {
                 measured({.class_tolerances = {1, 2, 3}});
               });
  expect_error(ErrorKind::kConfig, {"a class has no tolerance", "1: 0.5"},
               [] { measured({.class_tolerances = {0.5}}); });
  EXPECT_NE(
      means_table(summarise(measured({})), {.class_tolerances = {1, 2.5}}).find("NSD at 1,2.5"),
      std::string::npos);
}

}  // namespace
}  // namespace semiseg
