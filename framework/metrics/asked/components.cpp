// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/asked/components.h"

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "framework/nn/kernels/label_maps.h"

namespace semiseg {
namespace {

// The components of a label map, each at its first voxel.
struct Components {
  at::Tensor roots;                 // of each voxel, -1 in the background
  std::vector<bool> is_overlapped;  // by the first voxel of a component

  explicit Components(const at::Tensor& labels)
      : roots(component_roots(labels.unsqueeze(0))),
        is_overlapped(static_cast<size_t>(labels.numel())) {}

  int64_t root(int64_t voxel) const { return roots.const_data_ptr<int64_t>()[voxel]; }
  bool is_first(int64_t voxel) const { return root(voxel) == voxel; }
  void overlap(int64_t voxel) { is_overlapped[static_cast<size_t>(root(voxel))] = true; }
  bool has_overlap(int64_t voxel) const { return is_overlapped[static_cast<size_t>(voxel)]; }
};

}  // namespace

double ComponentCounts::f1() const {
  const int64_t sum = 2 * found + missed + false_positive;
  return static_cast<double>(2 * found) / static_cast<double>(sum);  // 0/0 is NaN
}

std::vector<ComponentCounts> count_components(const at::Tensor& prediction,
                                              const at::Tensor& reference, int64_t classes) {
  const at::Tensor predicted = prediction.contiguous(), expected = reference.contiguous();
  const uint8_t* p = predicted.const_data_ptr<uint8_t>();
  const uint8_t* r = expected.const_data_ptr<uint8_t>();
  Components of_prediction(predicted), of_reference(expected);
  const int64_t voxels = expected.numel();
  for (int64_t i = 0; i < voxels; ++i) {
    if (p[i] == 0 || p[i] != r[i]) continue;
    of_prediction.overlap(i);
    of_reference.overlap(i);
  }
  std::vector<ComponentCounts> counts(static_cast<size_t>(classes - 1));
  for (int64_t i = 0; i < voxels; ++i) {
    if (r[i] > 0 && r[i] < classes && of_reference.is_first(i)) {
      ComponentCounts& count = counts[r[i] - 1u];
      ++(of_reference.has_overlap(i) ? count.found : count.missed);
    }
    if (p[i] > 0 && p[i] < classes && of_prediction.is_first(i))
      counts[p[i] - 1u].false_positive += !of_prediction.has_overlap(i);
  }
  return counts;
}

}  // namespace semiseg
