// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/class_surfaces.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>

#include "framework/metrics/borders.h"
#include "framework/metrics/distances.h"
#include "framework/metrics/surface_elements.h"

namespace semiseg {
namespace {

// A mask, its border, and where in a list of all of the border's elements those of a plane begin.
struct Side {
  BitGrid mask, border;
  std::vector<int64_t> voxels, first_element;  // one a plane; the latter has a last entry, the sum

  int64_t elements() const { return first_element.back(); }
};

struct ClassTask {
  uint8_t label = 0;
  LabelBox box;
  Side prediction, reference;
  std::vector<int64_t> overlaps;  // one a plane
};

struct PlaneTask {
  ClassTask* task;
  int64_t z;
};

using SizeOf = const Index3& (*)(const ClassTask&);

const Index3& mask_size(const ClassTask& task) { return task.prediction.mask.size(); }
const Index3& border_size(const ClassTask& task) { return task.prediction.border.size(); }

// All planes of all classes at once, so that one organ and thirteen keep the threads equally busy.
template <class Action>
void for_each_plane(std::vector<ClassTask>& tasks, SizeOf size_of, const Action& action) {
  constexpr int64_t kVoxelsWorthAThread = 32768;
  std::vector<PlaneTask> planes;
  int64_t voxels = 1;
  for (ClassTask& task : tasks) {
    const Index3& size = size_of(task);
    for (int64_t z = 0; z < size[0]; ++z) planes.push_back({&task, z});
    voxels += size[0] * size[1] * size[2];
  }
  const auto count = static_cast<int64_t>(planes.size());
  const int64_t grain = std::max<int64_t>(1, count * kVoxelsWorthAThread / voxels);
  at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      action(*planes[i].task, planes[i].z);
    }
  });
}

std::vector<ClassTask> make_tasks(const at::Tensor& prediction, const at::Tensor& reference,
                                  int64_t classes) {
  const auto predicted = find_label_boxes(prediction, classes);
  const auto expected = find_label_boxes(reference, classes);
  std::vector<ClassTask> tasks(static_cast<size_t>(classes - 1));
  for (size_t i = 0; i < tasks.size(); ++i) {
    ClassTask& task = tasks[i];
    task.label = static_cast<uint8_t>(i + 1);
    task.box = predicted[i + 1];
    task.box.include(expected[i + 1]);
    if (task.box.empty()) task.box = {{0, 0, 0}, {0, 0, 0}};
    const Index3 size = task.box.size();
    for (Side* side : {&task.prediction, &task.reference}) {
      side->mask = BitGrid(size);
      side->voxels.resize(static_cast<size_t>(size[0]));
    }
    task.overlaps.resize(static_cast<size_t>(size[0]));
  }
  return tasks;
}

int64_t overlap_of_plane(const BitGrid& a, const BitGrid& b, int64_t z) {
  int64_t count = 0;
  for (int64_t y = 0; y < a.size()[1]; ++y) {
    for (int64_t w = 0; w < a.words(); ++w) {
      count += std::popcount(a.row(z, y)[w] & b.row(z, y)[w]);
    }
  }
  return count;
}

void set_masks(std::vector<ClassTask>& tasks, const at::Tensor& prediction,
               const at::Tensor& reference) {
  const Index3 size = size_of_map(prediction);
  const uint8_t* predicted = prediction.const_data_ptr<uint8_t>();
  const uint8_t* expected = reference.const_data_ptr<uint8_t>();
  for_each_plane(tasks, mask_size, [&](ClassTask& task, int64_t z) {
    const auto plane = static_cast<size_t>(z);
    Side &p = task.prediction, &r = task.reference;
    set_plane(p.mask, predicted, size, task.box.begin, task.label, z);
    set_plane(r.mask, expected, size, task.box.begin, task.label, z);
    p.voxels[plane] = p.mask.count_plane(z);
    r.voxels[plane] = r.mask.count_plane(z);
    task.overlaps[plane] = overlap_of_plane(p.mask, r.mask, z);
  });
}

int64_t sum(const std::vector<int64_t>& values) {
  int64_t total = 0;
  for (const int64_t value : values) total += value;
  return total;
}

void set_borders(std::vector<ClassTask>& tasks, const SurfaceOptions& options, int axes) {
  const bool corners = options.elements == BorderElements::kCorners;
  for (ClassTask& task : tasks) {
    const bool both = sum(task.prediction.voxels) > 0 && sum(task.reference.voxels) > 0;
    for (Side* side : {&task.prediction, &task.reference}) {
      const Index3 size = corners ? size_of_corners(side->mask.size(), axes) : side->mask.size();
      side->border = BitGrid(both ? size : Index3{0, 0, 0});
      side->first_element.resize(static_cast<size_t>(side->border.size()[0]) + 1);
    }
  }
  for_each_plane(tasks, border_size, [&](ClassTask& task, int64_t z) {
    for (Side* side : {&task.prediction, &task.reference}) {
      if (corners) {
        set_corner_plane(side->border, side->mask, axes, z);
      } else {
        set_border_plane(side->border, side->mask, {axes, options.connectivity}, z);
      }
      side->first_element[static_cast<size_t>(z) + 1] = side->border.count_plane(z);
    }
  });
  for (ClassTask& task : tasks) {
    for (Side* side : {&task.prediction, &task.reference}) {
      for (size_t z = 1; z < side->first_element.size(); ++z) {
        side->first_element[z] += side->first_element[z - 1];
      }
    }
  }
}

void measure(std::vector<ClassTask>& tasks, const Spacing3& spacing,
             std::vector<ClassSurfaces>& results) {
  int64_t depth = 1;
  for (size_t i = 0; i < tasks.size(); ++i) {
    depth = std::max(depth, tasks[i].prediction.border.size()[0]);
    results[i].there.distances.resize(static_cast<size_t>(tasks[i].prediction.elements()));
    results[i].back.distances.resize(static_cast<size_t>(tasks[i].reference.elements()));
  }
  const NearRows near(spacing, depth);
  for_each_plane(tasks, border_size, [&](ClassTask& task, int64_t z) {
    ClassSurfaces& result = results[task.label - 1u];
    const Side &p = task.prediction, &r = task.reference;
    const auto plane = static_cast<size_t>(z);
    search_plane(p.border, r.border, near, z,
                 result.there.distances.data() + p.first_element[plane]);
    search_plane(r.border, p.border, near, z,
                 result.back.distances.data() + r.first_element[plane]);
  });
  for (size_t i = 0; i < tasks.size(); ++i) {
    const BitGrid &p = tasks[i].prediction.border, &r = tasks[i].reference.border;
    search_far(p, r, spacing, results[i].there.distances);
    search_far(r, p, spacing, results[i].back.distances);
  }
}

std::vector<double> areas_of(const Side& side, const std::vector<double>& of_code, int axes) {
  std::vector<double> areas;
  areas.reserve(static_cast<size_t>(side.elements()));
  for (int64_t z = 0; z < side.border.size()[0]; ++z) {
    for_each_voxel(side.border, z, [&](const Index3& corner) {
      areas.push_back(of_code[static_cast<size_t>(corner_code(side.mask, axes, corner))]);
    });
  }
  return areas;
}

}  // namespace

std::vector<ClassSurfaces> compare_surfaces(const at::Tensor& prediction,
                                            const at::Tensor& reference, int64_t classes,
                                            const SurfaceOptions& options) {
  std::vector<ClassTask> tasks = make_tasks(prediction, reference, classes);
  set_masks(tasks, prediction, reference);
  std::vector<ClassSurfaces> results(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    results[i].prediction_voxels = sum(tasks[i].prediction.voxels);
    results[i].reference_voxels = sum(tasks[i].reference.voxels);
    results[i].overlap_voxels = sum(tasks[i].overlaps);
  }
  if (!options.distances) return results;

  const auto axes = static_cast<int>(reference.dim());
  Spacing3 spacing = {1, 1, 1};
  std::copy_backward(options.spacing.begin(), options.spacing.end(), spacing.end());
  set_borders(tasks, options, axes);
  measure(tasks, spacing, results);
  if (options.elements == BorderElements::kCorners) {
    const std::vector<double> of_code = surface_of_corners(spacing, axes);
    for (size_t i = 0; i < tasks.size(); ++i) {
      results[i].there.weights = areas_of(tasks[i].prediction, of_code, axes);
      results[i].back.weights = areas_of(tasks[i].reference, of_code, axes);
    }
  }
  return results;
}

}  // namespace semiseg
