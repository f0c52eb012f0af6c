// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/offset_table.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <string>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// [C,A,k…] → [C,A].
at::Tensor tap_sum(const at::Tensor& weight) {
  return weight.flatten(1, 1).unsqueeze(-1).flatten(2).sum(2);
}

}  // namespace

int64_t least_count(const OffsetOptions& options, int64_t features) {
  return options.min_count < 0 ? 10 * features : options.min_count;
}

OffsetTable offset_table(const at::Tensor& weight, const ClassStatistics& from,
                         const ClassStatistics& to, double lambda, const OffsetOptions& options) {
  const int64_t classes = to.mean.size(0), features = to.mean.size(1);
  SEMISEG_CHECK(weight.dim() >= 2 && weight.size(0) == classes && weight.size(1) == features,
                "the classifier's weight [C,A,k…] must fit the statistics [" +
                    std::to_string(classes) + "," + std::to_string(features) + "]");
  const int64_t least = least_count(options, features);
  OffsetTable result;
  result.active = (from.count >= least).logical_and(to.count >= least);
  const at::Tensor w = tap_sum(options.table_gradient ? weight : weight.detach()).to(at::kDouble);
  const at::Tensor delta = w.unsqueeze(0) - w.unsqueeze(1);  // [y,j,A]
  const at::Tensor quadratic = (at::matmul(delta, to.covariance) * delta).sum(2);
  result.clamped = quadratic.lt(0).sum();
  const at::Tensor shift = (delta * (to.mean - from.mean).unsqueeze(1)).sum(2);
  const at::Tensor variance = 0.5 * quadratic.clamp_min(0);
  const at::Tensor off = at::zeros({classes, classes}, to.mean.options());
  const auto sum_of = [&]() -> at::Tensor {
    switch (options.augmentation) {
      case Augmentation::kBoth:
        return shift + variance;
      case Augmentation::kMeanOnly:
        return shift;
      case Augmentation::kCovarianceOnly:
        return variance;
      case Augmentation::kOff:
        break;
    }
    return off;
  };
  result.table = at::where(result.active.unsqueeze(1), lambda * sum_of(), off);
  return result;
}

double lambda_at(const LambdaSchedule& schedule, int64_t t) {
  if (!schedule.ramp) return schedule.strength;
  return schedule.strength * static_cast<double>(t) / static_cast<double>(schedule.length);
}

}  // namespace semiseg
