// SPDX-License-Identifier: Apache-2.0
#include "framework/eval/borders.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <cmath>
#include <cstdlib>
#include <nanoflann.hpp>

#include "framework/core/error.h"

namespace semiseg {
namespace {

using Index = std::array<int64_t, 3>;

// Raster layout of two or three axes; a plane is a volume without neighbours along its first axis.
struct Grid {
  Index size = {1, 1, 1};
  std::array<double, 3> spacing = {1, 1, 1};
  std::vector<Index> neighbours;
};

Grid make_grid(const at::Tensor& labels, const std::vector<double>& spacing, int connectivity) {
  Grid grid;
  const int axes = static_cast<int>(labels.dim()), skipped = 3 - axes;
  for (int axis = 0; axis < axes; ++axis) {
    grid.size[skipped + axis] = labels.size(axis);
    grid.spacing[skipped + axis] = spacing[axis];
  }
  for (int64_t z = -1; z <= 1; ++z) {
    for (int64_t y = -1; y <= 1; ++y) {
      for (int64_t x = -1; x <= 1; ++x) {
        const int64_t differing = std::abs(z) + std::abs(y) + std::abs(x);
        if (differing == 0 || differing > connectivity || (axes == 2 && z != 0)) continue;
        grid.neighbours.push_back({z, y, x});
      }
    }
  }
  return grid;
}

bool is_border(const uint8_t* labels, const Grid& grid, const Index& at) {
  const auto& [depth, height, width] = grid.size;
  const auto flat = [&](const Index& i) { return (i[0] * height + i[1]) * width + i[2]; };
  const uint8_t label = labels[flat(at)];
  for (const Index& step : grid.neighbours) {
    const Index next = {at[0] + step[0], at[1] + step[1], at[2] + step[2]};
    const bool inside = next[0] >= 0 && next[0] < depth && next[1] >= 0 && next[1] < height &&
                        next[2] >= 0 && next[2] < width;
    if (!inside || labels[flat(next)] != label) return true;
  }
  return false;
}

struct Cloud {
  const Points& points;
  size_t kdtree_get_point_count() const { return points.size(); }
  double kdtree_get_pt(size_t index, size_t axis) const { return points[index][axis]; }
  template <class Box>
  bool kdtree_get_bbox(Box&) const {
    return false;
  }
};

}  // namespace

std::vector<ClassVoxels> find_borders(const at::Tensor& labels, int64_t classes,
                                      const std::vector<double>& spacing, int connectivity) {
  SEMISEG_CHECK(labels.is_contiguous() && labels.scalar_type() == at::kByte,
                "labels are contiguous uint8");
  const Grid grid = make_grid(labels, spacing, connectivity);
  const uint8_t* data = labels.const_data_ptr<uint8_t>();
  std::vector<ClassVoxels> result(static_cast<size_t>(classes));
  const uint8_t* voxel = data;
  for (int64_t z = 0; z < grid.size[0]; ++z) {
    for (int64_t y = 0; y < grid.size[1]; ++y) {
      for (int64_t x = 0; x < grid.size[2]; ++x, ++voxel) {
        if (*voxel == 0 || *voxel >= classes) continue;
        ClassVoxels& found = result[*voxel];
        ++found.count;
        if (!is_border(data, grid, {z, y, x})) continue;
        found.border.push_back({static_cast<double>(z) * grid.spacing[0],
                                static_cast<double>(y) * grid.spacing[1],
                                static_cast<double>(x) * grid.spacing[2]});
      }
    }
  }
  return result;
}

std::vector<double> nearest_distances(const Points& from, const Points& to) {
  SEMISEG_CHECK(!to.empty(), "there is a nearest point");
  const Cloud cloud{to};
  using Tree =
      nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, Cloud>, Cloud, 3>;
  const Tree tree(3, cloud, nanoflann::KDTreeSingleIndexAdaptorParams(16));
  std::vector<double> distances(from.size());
  constexpr int64_t kQueriesATask = 1024;
  at::parallel_for(0, static_cast<int64_t>(from.size()), kQueriesATask,
                   [&](int64_t begin, int64_t end) {
                     for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
                       uint32_t index = 0;
                       double squared = 0;
                       tree.knnSearch(from[i].data(), 1, &index, &squared);
                       distances[i] = std::sqrt(squared);
                     }
                   });
  return distances;
}

}  // namespace semiseg
