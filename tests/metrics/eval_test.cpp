// SPDX-License-Identifier: Apache-2.0
// Metrics of label maps that are made by hand.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/core/error.h"
#include "framework/metrics/case_metrics.h"
#include "tests/support/cube_source.h"

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

// 56 border voxels each: 36 of them at distance 0, 20 at 1.
TEST(Metrics, SurfaceDiceCountsBothBordersWithinTheTolerance) {
  const at::Tensor a = box({10, 10, 10}, {3, 3, 3}, {7, 7, 7}),
                   b = box({10, 10, 10}, {3, 3, 4}, {7, 7, 8});
  EXPECT_DOUBLE_EQ(only_class(a, b, {.tolerance = 0}).surface_dice, 36.0 / 56);
  EXPECT_DOUBLE_EQ(only_class(a, b, {.tolerance = 0.99}).surface_dice, 36.0 / 56);
  EXPECT_DOUBLE_EQ(only_class(a, b).surface_dice, 1);
  // The shift is now 1.5; only the 4 inner voxels of the far plane lie at 1, beside the other's
  // side.
  EXPECT_DOUBLE_EQ(only_class(a, b, {.spacing = {1, 1, 1.5}}).surface_dice, 40.0 / 56);
}

// A line of 1 and of 5 voxels: directed distances {0} and {0 1 2 3 4}, whose 95th percentile lies
// at position 3.8.
TEST(Metrics, MonaisPercentileIsTheLargerOfTwo) {
  const at::Tensor dot = box({1, 1, 9}, {0, 0, 0}, {1, 1, 1}),
                   line = box({1, 1, 9}, {0, 0, 0}, {1, 1, 5});
  const MetricOptions options{.definition = MetricDefinition::kMonai};
  EXPECT_DOUBLE_EQ(only_class(line, dot, options).hd95, 3.8);
  EXPECT_DOUBLE_EQ(only_class(dot, line, options).hd95, 3.8);
}

// Corners of a voxel carry an eighth of a diagonal cut each: 8 of (1,1,1)/8.
TEST(Metrics, SurfaceDistanceMeasuresBetweenCorners) {
  const at::Tensor a = box({5, 5, 5}, {1, 1, 1}, {2, 2, 2}),
                   b = box({5, 5, 5}, {1, 1, 3}, {2, 2, 4});
  const ClassMetrics m =
      only_class(a, b, {.definition = MetricDefinition::kSurfaceDistance, .tolerance = 1});
  EXPECT_DOUBLE_EQ(m.hd, 2);  // columns 1 2 against 3 4
  EXPECT_DOUBLE_EQ(m.asd, 1.5);
  EXPECT_DOUBLE_EQ(m.surface_dice, 0.5);
}

TEST(Metrics, VolumeErrorIsRelativeToTheReference) {
  const at::Tensor four = box({4, 4}, {0, 0}, {2, 2}), eight = box({4, 4}, {0, 0}, {2, 4});
  EXPECT_DOUBLE_EQ(only_class(four, eight).volume_error, -0.5);
  EXPECT_DOUBLE_EQ(only_class(eight, four).volume_error, 1);
  EXPECT_DOUBLE_EQ(only_class(at::zeros({4, 4}, at::kByte), four).volume_error, -1);
  EXPECT_TRUE(std::isnan(only_class(four, at::zeros({4, 4}, at::kByte)).volume_error));
}

TEST(Metrics, OverlapAloneLeavesDistancesOut) {
  const at::Tensor full = box({4, 4, 4}, {1, 1, 1}, {3, 3, 3});
  for (const at::Tensor& prediction : {full, empty_map()}) {
    const ClassMetrics m = only_class(prediction, full, {.distances = false});
    EXPECT_EQ(m.dice, m.missed() ? 0 : 1);
    for (const double distance : {m.hd, m.hd95, m.asd, m.assd, m.surface_dice}) {
      EXPECT_TRUE(std::isnan(distance));
    }
  }
}

TEST(Metrics, NamesOfDefinitionsAreReadBack) {
  for (const char* name : {"medpy", "monai", "surface-distance"}) {
    EXPECT_STREQ(to_string(metric_definition(name)), name);
  }
  EXPECT_THROW(metric_definition("medpie"), Error);
}

TEST(CaseMetrics, APlaneIsAnImageWhateverItsAxis) {
  const at::Tensor prediction = box({10, 10, 10}, {5, 3, 3}, {6, 7, 7})[5],
                   reference = box({10, 10, 10}, {5, 3, 5}, {6, 7, 9})[5];
  MetricOptions plane, volume;
  plane.spacing = {2, 3};
  const ClassMetrics image = compute_metrics(prediction, reference, 2, plane)[0];
  EXPECT_GT(image.asd, 0);
  for (int64_t axis = 0; axis < 3; ++axis) {
    volume.spacing = plane.spacing;
    volume.spacing.insert(volume.spacing.begin() + axis, 9);
    const ClassMetrics m =
        case_metrics(prediction.unsqueeze(axis), reference.unsqueeze(axis), 2, volume)[0];
    EXPECT_EQ(m.asd, image.asd) << axis;
    EXPECT_EQ(m.hd95, image.hd95) << axis;
    EXPECT_EQ(m.dice, image.dice) << axis;
  }
}

TEST(Metrics, RefusesMapsOfDifferentShapes) {
  EXPECT_THROW(compute_metrics(empty_map(), at::zeros({4, 4, 5}, at::kByte), 2), Error);
  EXPECT_THROW(compute_metrics(empty_map().to(at::kInt), empty_map(), 2), Error);
}

}  // namespace
}  // namespace semiseg
