// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/distances.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nanoflann.hpp>

namespace semiseg {
namespace {

constexpr int32_t kReach = 16;            // rows and planes either side
constexpr size_t kMostRows = 200;         // all within 7.9 voxels of a cubic grid
constexpr int kHalfWindow = 32;           // columns either side
constexpr int64_t kFailuresAllowed = 16;  // in a plane, until half of the searches must succeed
constexpr double kNone = std::numeric_limits<double>::infinity();

// Bit i is voxel x - 32 + i of the row.
uint64_t window_around(const uint64_t* row, int64_t x) {
  const int64_t first = x + 64 - kHalfWindow;  // counted from the word of zeros before the row
  const uint64_t* words = row - 1 + first / 64;
  const int64_t shift = first % 64;
  return words[0] >> shift | (words[1] << 1) << (63 - shift);
}

int nearest_column(uint64_t window) {
  const auto before = static_cast<uint32_t>(window);
  const auto behind = static_cast<uint32_t>(window >> kHalfWindow);
  return std::min(std::countr_zero(behind), std::countl_zero(before) + 1);
}

double nearest_squared(const BitGrid& to, const NearRows& near, const Index3& at) {
  double best = kNone;
  for (const NearRows::Row& row : near.rows()) {
    if (row.squared >= best) break;
    const int64_t z = at[0] + row.plane, y = at[1] + row.row;
    if (z < 0 || z >= to.size()[0] || y < 0 || y >= to.size()[1]) continue;
    const int column = nearest_column(window_around(to.row(z, y), at[2]));
    best = std::min(best, row.squared + near.squared_columns(column));
  }
  return best;
}

using Points = std::vector<std::array<double, 3>>;

struct Cloud {
  Points points;
  size_t kdtree_get_point_count() const { return points.size(); }
  double kdtree_get_pt(size_t index, size_t axis) const { return points[index][axis]; }
  template <class Box>
  bool kdtree_get_bbox(Box&) const {
    return false;
  }
};

Points points_of(const BitGrid& grid, const Spacing3& spacing) {
  Points points;
  for (int64_t z = 0; z < grid.size()[0]; ++z) {
    for_each_voxel(grid, z, [&](const Index3& at) {
      points.push_back({static_cast<double>(at[0]) * spacing[0],
                        static_cast<double>(at[1]) * spacing[1],
                        static_cast<double>(at[2]) * spacing[2]});
    });
  }
  return points;
}

}  // namespace

NearRows::NearRows(const Spacing3& spacing, int64_t depth) {
  const auto planes = static_cast<int32_t>(std::min<int64_t>(kReach, depth - 1));
  for (int32_t plane = -planes; plane <= planes; ++plane) {
    for (int32_t row = -kReach; row <= kReach; ++row) {
      const double z = plane * spacing[0], y = row * spacing[1];
      rows_.push_back({plane, row, z * z + y * y});
    }
  }
  std::stable_sort(rows_.begin(), rows_.end(),
                   [](const Row& a, const Row& b) { return a.squared < b.squared; });
  const double above = planes + 1 < depth ? (planes + 1) * spacing[0] : kNone,
               beyond = (kReach + 1) * spacing[1], beside = kHalfWindow * spacing[2];
  known_squared_ = std::min({above * above, beyond * beyond, beside * beside});
  if (rows_.size() > kMostRows) {
    known_squared_ = std::min(known_squared_, rows_[kMostRows].squared);
  }
  std::erase_if(rows_, [this](const Row& row) { return row.squared >= known_squared_; });
  for (int i = 0; i <= kHalfWindow; ++i) {
    columns_[static_cast<size_t>(i)] = i * spacing[2] * (i * spacing[2]);
  }
  columns_.back() = kNone;
}

void search_plane(const BitGrid& from, const BitGrid& to, const NearRows& near, int64_t z,
                  double* distances) {
  int64_t tried = 0, failed = 0;
  for_each_voxel(from, z, [&](const Index3& at) {
    const bool hopeless = failed > kFailuresAllowed && 2 * failed > tried;
    const double squared = hopeless ? kNone : nearest_squared(to, near, at);
    const bool found = squared < near.known_squared();
    ++tried;
    failed += !found;
    *distances++ = found ? std::sqrt(squared) : -1;
  });
}

void search_far(const BitGrid& from, const BitGrid& to, const Spacing3& spacing,
                std::vector<double>& distances) {
  if (std::find(distances.begin(), distances.end(), -1) == distances.end()) return;
  const Points queries = points_of(from, spacing);
  const Cloud cloud{points_of(to, spacing)};
  using Tree =
      nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, Cloud>, Cloud, 3>;
  const Tree tree(3, cloud, nanoflann::KDTreeSingleIndexAdaptorParams(16));
  at::parallel_for(0, static_cast<int64_t>(queries.size()), 1024, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      if (distances[i] >= 0) continue;
      uint32_t index = 0;
      double squared = 0;
      tree.knnSearch(queries[i].data(), 1, &index, &squared);
      distances[i] = std::sqrt(squared);
    }
  });
}

}  // namespace semiseg
