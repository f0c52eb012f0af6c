// SPDX-License-Identifier: Apache-2.0
#include "framework/metrics/case_metrics.h"

#include <ATen/core/Tensor.h>

#include <utility>

namespace semiseg {

std::vector<ClassMetrics> case_metrics(const at::Tensor& prediction, const at::Tensor& reference,
                                       int64_t classes, MetricOptions options) {
  for (int64_t axis = 0; reference.dim() == 3 && axis < 3; ++axis) {
    if (reference.size(axis) != 1) continue;
    at::Tensor probabilities;
    if (options.probabilities) {
      probabilities = options.probabilities->squeeze(axis + 1);
      options.probabilities = &probabilities;
    }
    if (!options.spacing.empty()) options.spacing.erase(options.spacing.begin() + axis);
    return compute_metrics(prediction.squeeze(axis).contiguous(),
                           reference.squeeze(axis).contiguous(), classes, options);
  }
  return compute_metrics(prediction, reference, classes, options);
}

}  // namespace semiseg
