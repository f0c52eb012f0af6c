// SPDX-License-Identifier: Apache-2.0
// Tests the parts of surface metrics: boxes of labels, borders, and distances against all pairs.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/core/random/draws.h"
#include "framework/metrics/borders.h"
#include "framework/metrics/class_surfaces.h"
#include "framework/metrics/label_boxes.h"
#include "tests/support/cube_source.h"

namespace semiseg {
namespace {

using Points = std::vector<Index3>;

BitGrid grid_of(const at::Tensor& map) {
  BitGrid grid(size_of_map(map));
  for (int64_t z = 0; z < grid.size()[0]; ++z) {
    set_plane(grid, map.const_data_ptr<uint8_t>(), grid.size(), {0, 0, 0}, 1, z);
  }
  return grid;
}

int64_t border_size(const at::Tensor& map, int connectivity = 1) {
  const BitGrid mask = grid_of(map);
  BitGrid border(mask.size());
  int64_t count = 0;
  for (int64_t z = 0; z < mask.size()[0]; ++z) {
    set_border_plane(border, mask, {static_cast<int>(map.dim()), connectivity}, z);
    count += border.count_plane(z);
  }
  return count;
}

TEST(LabelBoxes, AreTightAndIgnoreOtherLabels) {
  at::Tensor map = box({6, 7, 21}, {1, 2, 3}, {3, 5, 20}, 1);
  map[5][6][20] = 2;
  map[0][0][0] = 9;
  const auto boxes = find_label_boxes(map, 4);
  ASSERT_EQ(boxes.size(), 4);
  EXPECT_TRUE(boxes[0].empty());
  EXPECT_EQ(boxes[1].begin, (Index3{1, 2, 3}));
  EXPECT_EQ(boxes[1].end, (Index3{3, 5, 20}));
  EXPECT_EQ(boxes[2].begin, (Index3{5, 6, 20}));
  EXPECT_EQ(boxes[2].size(), (Index3{1, 1, 1}));
  EXPECT_TRUE(boxes[3].empty());
}

TEST(BitGrid, HoldsEveryVoxelOfAMap) {
  for (const int64_t width : {1, 7, 8, 63, 64, 65, 130}) {
    const at::Tensor map = at::arange(3 * width).remainder(5).lt(2).to(at::kByte).view({3, width});
    const BitGrid grid = grid_of(map);
    for (int64_t y = 0; y < 3; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        ASSERT_EQ(grid.at(0, y, x), map[y][x].item<bool>()) << width << ": " << y << ", " << x;
      }
    }
    EXPECT_EQ(grid.count_plane(0), map.sum().item<int64_t>());
  }
}

TEST(Borders, TheEdgeOfTheArrayIsBorder) {
  const at::Tensor square = box({5, 5}, {1, 1}, {4, 4});
  EXPECT_EQ(border_size(square), 8);
  EXPECT_EQ(border_size(square.unsqueeze(0)), 9);  // one slice: all of it
  EXPECT_EQ(border_size(at::ones({5, 5}, at::kByte)), 16);
}

// The voxel diagonal to the corner that is missing is inner unless diagonals count.
TEST(Borders, ConnectivitySaysWhichNeighboursCount) {
  at::Tensor notched = at::ones({5, 5}, at::kByte);
  notched[0][0] = 0;
  EXPECT_EQ(border_size(notched, 1), 15);
  EXPECT_EQ(border_size(notched, 2), 16);
}

TEST(Borders, RowsLongerThanAWordHaveNoSeam) {
  EXPECT_EQ(border_size(box({3, 200}, {0, 1}, {3, 199})), 2 * 198 + 2);
}

// Every set voxel of a map, in raster order.
Points points_of(const at::Tensor& map) {
  const at::Tensor found = (map.dim() == 2 ? map.unsqueeze(0) : map).nonzero().contiguous();
  Points points;
  for (int64_t i = 0; i < found.size(0); ++i) {
    const int64_t* at = found.const_data_ptr<int64_t>() + 3 * i;
    points.push_back({at[0], at[1], at[2]});
  }
  return points;
}

std::vector<double> all_pairs(const Points& from, const Points& to,
                              const std::vector<double>& spacing) {
  std::vector<double> nearest;
  for (const Index3& p : from) {
    double best = INFINITY;
    for (const Index3& q : to) {
      double squared = 0;
      for (size_t axis = 0; axis < 3; ++axis) {
        const double d = static_cast<double>(p[axis] - q[axis]) * spacing[axis];
        squared += d * d;
      }
      best = std::min(best, squared);
    }
    nearest.push_back(std::sqrt(best));
  }
  return nearest;
}

// Scattered voxels: each is border, whatever the connectivity.
at::Tensor scattered(at::IntArrayRef shape, double density, const char* name, double from = 0) {
  const at::Tensor drawn = Draws(7).uniform(name, shape, SampleIds{0})[0].contiguous();
  at::Tensor map = drawn.lt(density).to(at::kByte);
  map.slice(-1, 0, static_cast<int64_t>(from * static_cast<double>(map.size(-1)))).zero_();
  return map;
}

struct Scene {
  std::vector<int64_t> shape;
  double density;
  double gap;  // part of the columns that the reference leaves free
  std::vector<double> spacing;
};

class NearestDistances : public testing::TestWithParam<Scene> {};

TEST_P(NearestDistances, AreThoseOfAllPairs) {
  const Scene& scene = GetParam();
  const at::Tensor prediction = scattered(scene.shape, scene.density, "prediction"),
                   reference = scattered(scene.shape, scene.density, "reference", scene.gap);
  const Points p = points_of(prediction), r = points_of(reference);
  ASSERT_FALSE(p.empty() || r.empty());
  const ClassSurfaces found =
      compare_surfaces(prediction, reference, 2, {.spacing = scene.spacing, .connectivity = 3})[0];
  const auto there = all_pairs(p, r, scene.spacing), back = all_pairs(r, p, scene.spacing);
  ASSERT_EQ(found.there.distances.size(), there.size());
  ASSERT_EQ(found.back.distances.size(), back.size());
  for (size_t i = 0; i < there.size(); ++i) {
    ASSERT_DOUBLE_EQ(found.there.distances[i], there[i]) << i;
  }
  for (size_t i = 0; i < back.size(); ++i) ASSERT_DOUBLE_EQ(found.back.distances[i], back[i]) << i;
}

// Near; far beyond the rows and the columns that are searched; far apart along each axis in turn;
// spacings that make planes or columns nearest.
INSTANTIATE_TEST_SUITE_P(, NearestDistances,
                         testing::Values(Scene{{9, 20, 70}, 0.05, 0, {1, 1, 1}},
                                         Scene{{3, 5, 200}, 0.02, 0.7, {1, 1, 1}},
                                         Scene{{60, 4, 4}, 0.01, 0, {1, 1, 1}},
                                         Scene{{4, 90, 4}, 0.01, 0, {1, 1, 1}},
                                         Scene{{10, 30, 130}, 0.002, 0.5, {10, 1.25, 1.25}},
                                         Scene{{30, 20, 65}, 0.004, 0.3, {0.3, 2, 5}},
                                         Scene{{12, 12, 66}, 0.01, 0, {3, 3, 0.1}}));

TEST(ClassSurfaces, DoNotDependOnTheNumberOfThreads) {
  const at::Tensor prediction = scattered({60, 60, 70}, 0.001, "prediction"),
                   reference = scattered({60, 60, 70}, 0.001, "reference", 0.6);
  const auto measured = [&](int threads) {
    const int before = at::get_num_threads();
    at::set_num_threads(threads);
    const auto surfaces = compare_surfaces(prediction, reference, 2, {.spacing = {2, 0.7, 0.9}});
    at::set_num_threads(before);
    return surfaces[0].there.distances;
  };
  EXPECT_EQ(measured(1), measured(3));
}

}  // namespace
}  // namespace semiseg
