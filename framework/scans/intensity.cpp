// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/intensity.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// The divisor that replaces a standard deviation of 0, as in nnU-Net.
constexpr double kLeastSpread = 1e-8;

// The value at position q/100 (n - 1) of the sorted values.
double percentile(std::vector<float>& values, double q) {
  const double position = q / 100 * static_cast<double>(values.size() - 1);
  const auto index = static_cast<std::ptrdiff_t>(std::floor(position));
  const auto at_index = values.begin() + index;
  std::nth_element(values.begin(), at_index, values.end());
  const double low = *at_index, part = position - std::floor(position);
  if (part == 0) return low;
  return low + part * (*std::min_element(at_index + 1, values.end()) - low);
}

struct Scale {
  double shift = 0, divisor = 1;  // (x - shift) / divisor
};

Scale moments(const float* values, int64_t size, bool nonzero) {
  double sum = 0, count = 0, squares = 0;
  for (int64_t i = 0; i < size; ++i) {
    if (nonzero && values[i] == 0) continue;
    sum += values[i];
    ++count;
  }
  const double mean = count > 0 ? sum / count : 0;
  for (int64_t i = 0; i < size; ++i) {
    if (nonzero && values[i] == 0) continue;
    squares += (values[i] - mean) * (values[i] - mean);
  }
  return {mean, std::max(count > 0 ? std::sqrt(squares / count) : 0, kLeastSpread)};
}

// Without a spread, all voxels are the mean: as nnU-Net has it in float32, so that the rounding of
// the mean is not divided by almost nothing.
Scale fixed_scale(const IntensityOptions& options) {
  if (options.std >= kLeastSpread) return {options.mean, options.std};
  return {static_cast<float>(options.mean), kLeastSpread};
}

Scale find_scale(const float* values, int64_t size, const IntensityOptions& options) {
  if (options.scale == "fixed") return fixed_scale(options);
  if (options.scale == "none") return {};
  if (options.scale != "minmax") return moments(values, size, options.scale == "zscore_nonzero");
  const auto [low, high] = std::minmax_element(values, values + size);
  return {*low, std::max(static_cast<double>(*high) - *low, kLeastSpread)};
}

void check_bounds(const Config& section, const char* key, const std::vector<double>& bounds) {
  if (bounds.empty() || (bounds.size() == 2 && bounds[0] < bounds[1])) return;
  section.fail(key, "bounds that are no pair", "[low, high] with low < high");
}

}  // namespace

void IntensityOptions::read(const Config& section) {
  section.read("clip", clip, {-1e30, 1e30},
               "[low, high] bounds that voxels are clipped to, in the units of the file; empty: "
               "none. Set it for CT, in Hounsfield units.");
  section.read("clip_percentile", clip_percentile, {0, 100},
               "[low, high] percentiles of each volume that voxels are clipped to; empty: none. "
               "Set it for MR with bright outliers.");
  section.read(
      "scale", scale, {"none", "minmax", "zscore", "zscore_nonzero", "fixed"},
      "Scaling of clipped voxels: to [0, 1] (minmax), to mean 0 and standard deviation 1 over all "
      "(zscore) or over the non-zero voxels (zscore_nonzero), by mean and std (fixed), or none.");
  section.read("mean", mean, {-1e30, 1e30}, "Mean that is subtracted, for scale = \"fixed\".");
  section.read("std", std, {1e-8, 1e30},
               "Standard deviation that is divided by, for scale = \"fixed\".");
  check_bounds(section, "clip", clip);
  check_bounds(section, "clip_percentile", clip_percentile);
}

std::vector<double> clip_bounds(const at::Tensor& values, const IntensityOptions& options) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> bounds = {-kInfinity, kInfinity};
  if (!options.clip.empty()) bounds = options.clip;
  if (options.clip_percentile.empty()) return bounds;
  const float* begin = values.const_data_ptr<float>();
  std::vector<float> sorted;
  std::copy_if(begin, begin + values.numel(), std::back_inserter(sorted),
               [](float value) { return std::isfinite(value); });
  if (sorted.empty()) return bounds;
  bounds[0] = std::max(bounds[0], percentile(sorted, options.clip_percentile[0]));
  bounds[1] = std::min(bounds[1], percentile(sorted, options.clip_percentile[1]));
  return bounds;
}

at::Tensor normalise(const at::Tensor& image, const IntensityOptions& options) {
  SEMISEG_CHECK(image.dim() == 4 && image.scalar_type() == at::kFloat && image.numel() > 0,
                "an image is float32 [C,D,H,W]");
  at::Tensor result = image.clone(at::MemoryFormat::Contiguous);
  const bool keeps_zero = options.scale == "zscore_nonzero";
  for (int64_t c = 0; c < image.size(0); ++c) {
    const at::Tensor channel = result.select(0, c);
    float* value = channel.mutable_data_ptr<float>();
    const int64_t size = channel.numel();
    const std::vector<double> bounds = clip_bounds(channel, options);
    const auto low = static_cast<float>(bounds[0]), high = static_cast<float>(bounds[1]);
    // A value that is not finite stays one, for the check of volumes to name.
    for (int64_t i = 0; i < size; ++i)
      if (std::isfinite(value[i])) value[i] = std::min(std::max(value[i], low), high);
    const Scale scale = find_scale(value, size, options);
    for (int64_t i = 0; i < size; ++i) {
      if (keeps_zero && value[i] == 0) continue;
      value[i] = static_cast<float>((value[i] - scale.shift) / scale.divisor);
    }
  }
  return result;
}

}  // namespace semiseg
