// SPDX-License-Identifier: Apache-2.0
// Metrics of one case as it is stored.
#pragma once

#include <vector>

#include "framework/core/tensor_fwd.h"
#include "framework/metrics/metrics.h"

namespace semiseg {

// compute_metrics(), but a volume [D,H,W] of one plane is an image: its plane is no surface, and
// distances stay within it. options.spacing as for the volume.
std::vector<ClassMetrics> case_metrics(const at::Tensor& prediction, const at::Tensor& reference,
                                       int64_t classes, MetricOptions options);

}  // namespace semiseg
