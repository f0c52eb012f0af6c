// SPDX-License-Identifier: Apache-2.0
// Metrics and the borders they measure between.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "framework/core/draws.h"
#include "framework/core/error.h"
#include "framework/eval/borders.h"
#include "framework/eval/metrics.h"
#include "tests/label_box.h"
#include "tests/parity.h"

namespace semiseg {
namespace {

at::Tensor empty_map() { return at::zeros({4, 4, 4}, at::kByte); }

ClassMetrics only_class(const at::Tensor& prediction, const at::Tensor& reference,
                        const MetricOptions& options = {}) {
  return compute_metrics(prediction, reference, 2, options).at(0);
}

// Two cubes of side 4, one voxel apart: 48 of 64 voxels overlap; of 56 border voxels each, 36 lie
// on the other border and 20 one voxel from it.
TEST(Metrics, CubesOneVoxelApart) {
  const ClassMetrics m =
      only_class(box({10, 10, 10}, {3, 3, 3}, {7, 7, 7}), box({10, 10, 10}, {3, 3, 4}, {7, 7, 8}));
  EXPECT_EQ(m.prediction_voxels, 64);
  EXPECT_EQ(m.reference_voxels, 64);
  EXPECT_EQ(m.overlap_voxels, 48);
  EXPECT_DOUBLE_EQ(m.dice, 0.75);
  EXPECT_DOUBLE_EQ(m.jaccard, 0.6);
  EXPECT_DOUBLE_EQ(m.asd, 20.0 / 56);
  EXPECT_DOUBLE_EQ(m.assd, 20.0 / 56);
  EXPECT_DOUBLE_EQ(m.hd95, 1);
  EXPECT_DOUBLE_EQ(m.hd, 1);
}

TEST(Metrics, EqualMapsArePerfect) {
  const at::Tensor map = box({6, 6, 6}, {1, 2, 0}, {4, 5, 6});
  const ClassMetrics m = only_class(map, map);
  EXPECT_EQ(m.dice, 1);
  EXPECT_EQ(m.jaccard, 1);
  EXPECT_EQ(m.hd, 0);
  EXPECT_EQ(m.asd, 0);
}

TEST(Metrics, SingleVoxelsAreTheirDistanceApart) {
  const ClassMetrics m =
      only_class(box({4, 4, 4}, {0, 0, 0}, {1, 1, 1}), box({4, 4, 4}, {1, 2, 2}, {2, 3, 3}));
  EXPECT_EQ(m.dice, 0);
  for (const double distance : {m.hd, m.hd95, m.asd, m.assd}) EXPECT_DOUBLE_EQ(distance, 3);
}

TEST(Metrics, AverageDistanceIsDirectedFromThePrediction) {
  const at::Tensor dot = box({1, 1, 9}, {0, 0, 0}, {1, 1, 1}),
                   line = box({1, 1, 9}, {0, 0, 0}, {1, 1, 5});
  EXPECT_DOUBLE_EQ(only_class(dot, line).asd, 0);
  EXPECT_DOUBLE_EQ(only_class(line, dot).asd, 2);  // 0 … 4
  EXPECT_DOUBLE_EQ(only_class(line, dot).assd, 10.0 / 6);
  EXPECT_DOUBLE_EQ(only_class(line, dot).hd95, 3.75);  // 0 0 1 2 3 4 at position 0.95 · 5
}

TEST(Metrics, SpacingMakesMillimetres) {
  const at::Tensor a = box({4, 4, 4}, {1, 1, 1}, {2, 2, 2}),
                   b = box({4, 4, 4}, {2, 1, 1}, {3, 2, 2});
  EXPECT_DOUBLE_EQ(only_class(a, b, {.spacing = {10, 1.25, 1.25}}).hd, 10);
  EXPECT_DOUBLE_EQ(only_class(a, b).hd, 1);
}

TEST(Metrics, ClassesAreMeasuredApart) {
  const at::Tensor reference = box({5, 5}, {0, 0}, {2, 5}, 1) + box({5, 5}, {3, 0}, {5, 5}, 2);
  const at::Tensor prediction = box({5, 5}, {0, 0}, {2, 5}, 1) + box({5, 5}, {3, 0}, {5, 5}, 3);
  const auto metrics = compute_metrics(prediction, reference, 4);
  ASSERT_EQ(metrics.size(), 3);
  EXPECT_EQ(metrics[0].dice, 1);
  EXPECT_TRUE(metrics[1].missed());
  EXPECT_TRUE(metrics[2].false_positive());
}

TEST(Metrics, ExcludingGivesEmptyClassesNoDistance) {
  const at::Tensor full = box({4, 4, 4}, {1, 1, 1}, {3, 3, 3});
  const ClassMetrics both = only_class(empty_map(), empty_map());
  EXPECT_TRUE(both.both_empty());
  EXPECT_EQ(both.dice, 1);
  EXPECT_EQ(both.jaccard, 1);
  for (const ClassMetrics& m :
       {only_class(empty_map(), full), only_class(full, empty_map()), both}) {
    EXPECT_EQ(m.dice + m.jaccard, m.both_empty() ? 2 : 0);
    for (const double distance : {m.hd, m.hd95, m.asd, m.assd}) EXPECT_TRUE(std::isnan(distance));
  }
}

TEST(Metrics, TheReferencesPolicyGivesEmptyClassesZeros) {
  const at::Tensor full = box({4, 4, 4}, {1, 1, 1}, {3, 3, 3});
  const MetricOptions options{.empty = EmptyPolicy::kReference};
  for (const ClassMetrics& m :
       {only_class(empty_map(), full, options), only_class(full, empty_map(), options),
        only_class(empty_map(), empty_map(), options)}) {
    for (const double value : {m.dice, m.jaccard, m.hd, m.hd95, m.asd, m.assd}) EXPECT_EQ(value, 0);
  }
}

TEST(Metrics, RefusesMapsOfDifferentShapes) {
  EXPECT_THROW(compute_metrics(empty_map(), at::zeros({4, 4, 5}, at::kByte), 2), Error);
  EXPECT_THROW(compute_metrics(empty_map().to(at::kInt), empty_map(), 2), Error);
}

double value_of(const ClassMetrics& m, const std::string& name) {
  if (name == "dice") return m.dice;
  if (name == "jaccard") return m.jaccard;
  if (name == "hd") return m.hd;
  if (name == "hd95") return m.hd95;
  return name == "asd" ? m.asd : m.assd;
}

// One value for each class of a case, or NaN where medpy raises.
at::Tensor measured(const ParityCase& c, EmptyPolicy empty, const std::string& name) {
  const MetricOptions options{.empty = empty,
                              .spacing = c.options.value("spacing", std::vector<double>()),
                              .connectivity = c.options.value("connectivity", 1)};
  std::vector<double> values;
  for (const auto& m : compute_metrics(c.tensor("in.prediction"), c.tensor("in.truth"),
                                       c.options["classes"], options)) {
    values.push_back(value_of(m, name));
  }
  return at::tensor(values, at::kDouble);
}

class MedpyMetric : public testing::TestWithParam<std::pair<const char*, size_t>> {};

TEST_P(MedpyMetric, AgreesWithEveryRecordedCase) {
  const std::string name = GetParam().first;
  const auto cases = load_cases("metric", name + "-medpy-");
  EXPECT_EQ(cases.size(), GetParam().second);
  const std::set<std::string> understood = {"definition", "classes", "spacing", "connectivity",
                                            "raises"};
  for (const ParityCase& c : cases) {
    for (const auto& [option, value] : c.options.items()) {
      EXPECT_TRUE(understood.contains(option)) << c.file << ": " << option;
    }
    if (c.file == "dice-medpy-both_empty") continue;  // the test below
    const at::Tensor values = measured(c, EmptyPolicy::kExclude, name);
    if (c.has("out." + name)) {
      EXPECT_TRUE(compare(c, "out." + name, values)) << c.file;
    } else {
      EXPECT_TRUE(values.isnan().all().item<bool>()) << c.file << ": medpy raises";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, MedpyMetric,
                         testing::Values(std::pair{"dice", 13}, std::pair{"jaccard", 13},
                                         std::pair{"hd", 20}, std::pair{"hd95", 24},
                                         std::pair{"asd", 20}, std::pair{"assd", 20}),
                         [](const auto& tested) { return tested.param.first; });

// medpy means to return 1 (it guards against a ZeroDivisionError, and its jc does return 1), but a
// division of NumPy's integers gives NaN instead.
TEST(Metrics, DiceOfTwoEmptyMapsIsOneWhereMedpyGivesNaN) {
  const ParityCase c = load_case("metric/dice-medpy-both_empty.safetensors");
  EXPECT_TRUE(c.tensor("out.dice").isnan().all().item<bool>());
  EXPECT_EQ(measured(c, EmptyPolicy::kExclude, "dice").item<double>(), 1);
}

// What the wrappers of the repositories return (columns: dice, hd95), where they return anything.
TEST(Metrics, TheReferencesPolicyIsThatOfTheirValidation) {
  for (const std::string file :
       {"ssl4mis_val_3d-cubes", "ssl4mis_val_3d-empty_prediction", "ssl4mis_val_3d-empty_truth",
        "ssl4mis_val_2d-cubes", "ssl4mis_val_2d-empty_prediction"}) {
    const ParityCase c = load_case("metric/reference_convention-" + file + ".safetensors");
    const auto columns = {measured(c, EmptyPolicy::kReference, "dice"),
                          measured(c, EmptyPolicy::kReference, "hd95")};
    EXPECT_TRUE(compare(c, "out.values", at::stack(columns, 1))) << file;
  }
}

TEST(Borders, TheEdgeOfTheArrayIsBorder) {
  const at::Tensor square = box({5, 5}, {1, 1}, {4, 4});
  EXPECT_EQ(find_borders(square, 2, {1, 1}, 1)[1].border.size(), 8);
  EXPECT_EQ(find_borders(square.unsqueeze(0), 2, {1, 1, 1}, 1)[1].border.size(),
            9);  // one slice: all of it
  EXPECT_EQ(find_borders(at::ones({5, 5}, at::kByte), 2, {1, 1}, 1)[1].border.size(), 16);
}

TEST(Borders, NearestDistancesAreThoseOfAllPairs) {
  DrawSequence draws = Draws(7).sequence("points");
  const auto make = [&draws](int64_t count) {
    Points points;
    for (int64_t i = 0; i < count; ++i) {
      points.push_back({draws.uniform(0, 9), draws.uniform(0, 9), draws.uniform(0, 2)});
    }
    return points;
  };
  const Points from = make(3000), to = make(500);
  const std::vector<double> nearest = nearest_distances(from, to);
  for (size_t i = 0; i < from.size(); ++i) {
    double best = 1e300;
    for (const auto& q : to) {
      const double z = from[i][0] - q[0], y = from[i][1] - q[1], x = from[i][2] - q[2];
      best = std::min(best, z * z + y * y + x * x);
    }
    ASSERT_DOUBLE_EQ(nearest[i], std::sqrt(best)) << i;
  }
}

}  // namespace
}  // namespace semiseg
