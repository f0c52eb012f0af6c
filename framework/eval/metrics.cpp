// SPDX-License-Identifier: Apache-2.0
#include "framework/eval/metrics.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "framework/core/error.h"
#include "framework/eval/borders.h"

namespace semiseg {
namespace {

std::vector<int64_t> count_overlaps(const at::Tensor& prediction, const at::Tensor& reference,
                                    int64_t classes) {
  std::vector<int64_t> counts(static_cast<size_t>(classes));
  const uint8_t* a = prediction.const_data_ptr<uint8_t>();
  const uint8_t* b = reference.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < prediction.numel(); ++i) {
    if (a[i] == b[i] && a[i] < classes) ++counts[a[i]];
  }
  return counts;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// As NumPy's "linear": between the two values around position fraction · (n - 1).
double percentile(std::vector<double> values, double fraction) {
  const double position = fraction * static_cast<double>(values.size() - 1);
  const auto lower = static_cast<std::ptrdiff_t>(position);
  std::nth_element(values.begin(), values.begin() + lower, values.end());
  const double low = values[static_cast<size_t>(lower)];
  const double part = position - static_cast<double>(lower);
  if (part == 0) return low;
  return low + part * (*std::min_element(values.begin() + lower + 1, values.end()) - low);
}

void set_distances(ClassMetrics& metrics, const Points& prediction, const Points& reference) {
  std::vector<double> there = nearest_distances(prediction, reference);
  const std::vector<double> back = nearest_distances(reference, prediction);
  metrics.asd = mean(there);
  there.insert(there.end(), back.begin(), back.end());
  metrics.assd = mean(there);
  metrics.hd = *std::max_element(there.begin(), there.end());
  metrics.hd95 = percentile(std::move(there), 0.95);
}

void set_empty(ClassMetrics& metrics, EmptyPolicy policy) {
  const bool exclude = policy == EmptyPolicy::kExclude;
  metrics.dice = metrics.jaccard = exclude && metrics.both_empty() ? 1 : 0;
  metrics.hd = metrics.hd95 = metrics.asd = metrics.assd =
      exclude ? std::numeric_limits<double>::quiet_NaN() : 0;
}

}  // namespace

const char* to_string(EmptyPolicy policy) {
  return policy == EmptyPolicy::kExclude ? "exclude" : "reference";
}

std::vector<ClassMetrics> compute_metrics(const at::Tensor& prediction, const at::Tensor& reference,
                                          int64_t classes, const MetricOptions& options) {
  const int64_t axes = reference.dim();
  SEMISEG_CHECK(prediction.sizes() == reference.sizes() && (axes == 2 || axes == 3),
                "label maps [D,H,W] or [H,W] of one shape");
  SEMISEG_CHECK(prediction.scalar_type() == at::kByte && reference.scalar_type() == at::kByte &&
                    prediction.is_cpu() && reference.is_cpu(),
                "label maps are uint8 on the CPU");
  SEMISEG_CHECK(classes >= 2 && classes <= 256, "background and at least one class");
  SEMISEG_CHECK(options.connectivity >= 1 && options.connectivity <= axes,
                "connectivity is 1 … axes");
  const std::vector<double> spacing = options.spacing.empty()
                                          ? std::vector<double>(static_cast<size_t>(axes), 1.0)
                                          : options.spacing;
  SEMISEG_CHECK(static_cast<int64_t>(spacing.size()) == axes, "one spacing for each axis");

  const at::Tensor a = prediction.contiguous(), b = reference.contiguous();
  const std::vector<int64_t> overlaps = count_overlaps(a, b, classes);
  const auto predicted = find_borders(a, classes, spacing, options.connectivity);
  const auto expected = find_borders(b, classes, spacing, options.connectivity);
  std::vector<ClassMetrics> result;
  for (size_t label = 1; label < static_cast<size_t>(classes); ++label) {
    ClassMetrics& m = result.emplace_back();
    m.prediction_voxels = predicted[label].count;
    m.reference_voxels = expected[label].count;
    m.overlap_voxels = overlaps[label];
    if (m.prediction_voxels == 0 || m.reference_voxels == 0) {
      set_empty(m, options.empty);
      continue;
    }
    const auto both = static_cast<double>(m.prediction_voxels + m.reference_voxels);
    const auto overlap = static_cast<double>(m.overlap_voxels);
    m.dice = 2 * overlap / both;
    m.jaccard = overlap / (both - overlap);
    if (options.distances) {
      set_distances(m, predicted[label].border, expected[label].border);
    } else {
      m.hd = m.hd95 = m.asd = m.assd = std::numeric_limits<double>::quiet_NaN();
    }
  }
  return result;
}

}  // namespace semiseg
