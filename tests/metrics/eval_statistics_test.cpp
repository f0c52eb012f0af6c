// SPDX-License-Identifier: Apache-2.0
// Tests, intervals and ranks of tables beyond SciPy's recorded answers, which parity_test compares.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "framework/core/random/draws.h"
#include "framework/metrics/statistics/distributions.h"
#include "framework/metrics/statistics/intervals.h"
#include "framework/metrics/statistics/paired.h"
#include "framework/metrics/statistics/patient_values.h"
#include "framework/metrics/statistics/ranking.h"

namespace semiseg {
namespace {

using Values = std::vector<double>;

Values some_values(size_t n, const char* name = "values") {
  DrawSequence numbers = Draws(7).sequence(name);
  Values values;
  for (size_t i = 0; i < n; ++i) values.push_back(numbers.uniform(0.6, 0.95));
  return values;
}

TEST(Distributions, HaveTheirTails) {
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-14);
  EXPECT_NEAR(student_quantile(0.975, 13), 2.1603686564627913, 1e-13);
  EXPECT_EQ(student_cdf(-INFINITY, 3), 0);
  EXPECT_EQ(normal_cdf(INFINITY), 1);
}

TEST(SignedRank, OfFewDifferencesIsExact) {
  const SignedRank all_better = signed_rank(Values{1, 2, 3, 4, 5});
  EXPECT_TRUE(all_better.is_exact);
  EXPECT_EQ(all_better.statistic, 0);
  EXPECT_EQ(all_better.p, 2.0 / 32);
  EXPECT_EQ(signed_rank(Values{0.5}).p, 1);
}

TEST(SignedRank, WithTiesOrZerosIsNormal) {
  EXPECT_FALSE(signed_rank(Values{1, 1, 2}).is_exact);
  EXPECT_FALSE(signed_rank(Values{0, 1, 2}).is_exact);
  EXPECT_FALSE(signed_rank(some_values(51)).is_exact);
  EXPECT_TRUE(signed_rank(some_values(50)).is_exact);
}

TEST(SignedRank, OfNoDifferenceSaysNothing) {
  EXPECT_EQ(signed_rank(Values{0, 0, 0}).p, 1);
  EXPECT_TRUE(std::isnan(signed_rank(Values{}).p));
}

TEST(Paired, AConstantLeadIsCertain) {
  const PairedComparison lead = compare_paired(Values(6, 0.1));
  EXPECT_EQ(lead.deviation, 0);
  EXPECT_EQ(lead.difference, 0.1);
  EXPECT_EQ(lead.t_p, 0);
  EXPECT_EQ(lead.p_false, 0);
  EXPECT_EQ(lead.interval.low, 0.1);
  EXPECT_TRUE(std::isinf(lead.effect));
  EXPECT_EQ(compare_paired(Values(6, -0.1)).p_false, 1);
}

TEST(Paired, EqualRowsAreAllTies) {
  const PairedComparison same = compare_paired(Values(6, 0.0));
  EXPECT_EQ(same.t_p, 1);
  EXPECT_EQ(same.p_false, 0.5);
  EXPECT_EQ(same.effect, 0);
  EXPECT_EQ(same.ties, 6);
}

TEST(Paired, OnePatientHasNoTest) {
  const PairedComparison one = compare_paired(Values{0.2});
  EXPECT_EQ(one.difference, 0.2);
  EXPECT_EQ(one.wins, 1);
  for (const double value : {one.deviation, one.t_p, one.effect, one.p_false, one.interval.low})
    EXPECT_TRUE(std::isnan(value));
  EXPECT_TRUE(std::isnan(compare_paired(Values{}).difference));
}

TEST(Paired, SwappingChangesSignsAndPermutingNothing) {
  Values differences = some_values(12);
  for (double& d : differences) d -= 0.75;
  Values swapped = differences, permuted = differences;
  for (double& d : swapped) d = -d;
  std::reverse(permuted.begin(), permuted.end());
  const PairedComparison one = compare_paired(differences), other = compare_paired(swapped),
                         again = compare_paired(permuted);
  EXPECT_EQ(one.signed_rank.p, other.signed_rank.p);
  EXPECT_EQ(one.signed_rank.p, again.signed_rank.p);
  EXPECT_DOUBLE_EQ(one.t_p, other.t_p);
  EXPECT_NEAR(one.t_p, again.t_p, 1e-12);
  EXPECT_DOUBLE_EQ(one.difference, -other.difference);
  EXPECT_NEAR(one.p_false, 1 - other.p_false, 1e-12);
  EXPECT_EQ(one.wins, other.losses);
}

TEST(Holm, IsMonotoneAndBounded) {
  const Values adjusted = holm_adjusted(Values{0.04, 0.01, 0.03, kNoValue, 0.9});
  EXPECT_DOUBLE_EQ(adjusted[1], 0.04);
  EXPECT_DOUBLE_EQ(adjusted[2], 0.09);
  EXPECT_DOUBLE_EQ(adjusted[0], 0.09);  // 2 · 0.04 would be less than the one before it
  EXPECT_DOUBLE_EQ(adjusted[4], 0.9);
  EXPECT_TRUE(std::isnan(adjusted[3]));
  EXPECT_EQ(holm_adjusted(Values{0.6, 0.7}), (Values{1, 1}));
}

TEST(Resampling, IsTheSameForEachCallAndInRange) {
  const IndexTable table = draw_positions("patients", 7, 500);
  EXPECT_EQ(table.positions, draw_positions("patients", 7, 500).positions);
  EXPECT_NE(table.positions, draw_positions("runs", 7, 500).positions);
  const auto [low, high] = std::minmax_element(table.positions.begin(), table.positions.end());
  EXPECT_EQ(*low, 0);
  EXPECT_EQ(*high, 6);
}

// Student's interval and the bootstrap's agree for many values of one distribution; 3 Monte-Carlo
// errors of a percentile of 10 000 means are about 5 % of its distance from the mean.
TEST(Intervals, OfTheBootstrapAreNearStudents) {
  const Values values = some_values(200);
  const Interval bca = bca_interval(values, draw_positions("patients", 200)),
                 student = student_interval(values);
  const double reach = student.high - mean_of(values);
  EXPECT_NEAR(bca.low, student.low, 0.05 * reach);
  EXPECT_NEAR(bca.high, student.high, 0.05 * reach);
}

TEST(Intervals, OfFewPatientsAreStudents) {
  EXPECT_TRUE(patient_interval(some_values(9), draw_positions("patients", 9)).is_student);
  EXPECT_FALSE(patient_interval(some_values(10), draw_positions("patients", 10)).is_student);
  EXPECT_TRUE(
      std::isnan(patient_interval(Values{0.5}, draw_positions("patients", 1)).interval.low));
  EXPECT_TRUE(std::isnan(patient_interval(Values{}, draw_positions("patients", 0)).interval.low));
}

TEST(Intervals, OfEqualValuesAreTheValue) {
  for (const size_t n : {3, 12}) {
    const Interval interval =
        patient_interval(Values(n, 0.1), draw_positions("patients", static_cast<int64_t>(n)))
            .interval;
    EXPECT_EQ(interval.low, 0.1);
    EXPECT_EQ(interval.high, 0.1);
  }
}

TEST(Intervals, OfTwoWaysAreWiderThanThoseOfPatientsAlone) {
  const std::vector<Values> runs = {Values(12, 0.03), Values(12, -0.02), Values(12, 0.01)};
  const Interval interval =
      two_way_interval(runs, draw_positions("runs", 3), draw_positions("patients", 12));
  EXPECT_LT(interval.low, 0);
  EXPECT_GT(interval.high, 0.02);
  const Interval none =
      two_way_interval({}, draw_positions("runs", 0), draw_positions("patients", 0));
  EXPECT_TRUE(std::isnan(none.low));
}

TEST(Ranking, EqualRowsShareTheFirstRank) {
  const Values row = some_values(12), worse(12, 0.1);
  const auto ranks = rank_rows({row, worse, row}, draw_positions("patients", 12, 300));
  EXPECT_NEAR(ranks[0].p_first, 0.5, 1e-12);
  EXPECT_NEAR(ranks[2].p_first, 0.5, 1e-12);
  EXPECT_EQ(ranks[0].mean_rank, 1.5);
  EXPECT_EQ(ranks[1].mean_rank, 3);
}

TEST(Ranking, NamesThePatientWhoDecides) {
  const std::vector<Values> rows = {{0.9, 0.5, 0.5}, {0.5, 0.6, 0.6}};
  EXPECT_EQ(patients_that_decide(rows), std::vector<int64_t>{0});
  EXPECT_TRUE(patients_that_decide({rows[0]}).empty());
}

EvaluationRow scored(const char* id, const char* patient, int64_t label, double dice,
                     const char* centre = "") {
  EvaluationRow row{.case_id = id, .patient = patient, .centre = centre, .label = label};
  row.class_name = label == 1 ? "left" : "right";
  row.metrics.dice = dice;
  row.metrics.volume_error = -dice;
  return row;
}

TEST(PatientValues, ArePatientsNotCasesAndClasses) {
  const std::vector<EvaluationRow> rows = {
      scored("a1", "a", 1, 0.2),      scored("a1", "a", 2, 0.4),
      scored("a2", "a", 1, 0.9),      scored("a2", "a", 2, kNoValue),
      scored("b1", "b", 1, kNoValue), scored("b1", "b", 2, kNoValue)};
  const MetricField& dice = metric_schema().front();
  const PatientValues values = patient_values(rows, dice);
  ASSERT_EQ(values.size(), 1);  // b has no entry and is missing
  EXPECT_DOUBLE_EQ(values.at("a"), (0.3 + 0.9) / 2);
  EXPECT_DOUBLE_EQ(
      patient_values(rows, dice, [](const EvaluationRow& row) { return row.label == 1; }).at("a"),
      (0.2 + 0.9) / 2);
  const auto volume_error = std::find_if(
      metric_schema().begin(), metric_schema().end(),
      [](const MetricField& field) { return std::string(field.name) == "volume_error"; });
  EXPECT_DOUBLE_EQ(patient_values(rows, *volume_error).at("a"), (0.3 + 0.9) / 2);
}

TEST(PatientValues, OfRunsAreMeansOfThoseThatHaveOne) {
  const PatientValues mean = mean_over_runs({{{"a", 0.2}, {"b", 0.5}}, {{"a", 0.4}}});
  EXPECT_DOUBLE_EQ(mean.at("a"), 0.3);
  EXPECT_DOUBLE_EQ(mean.at("b"), 0.5);
}

}  // namespace
}  // namespace semiseg
