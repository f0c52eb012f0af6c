// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/policy/grey_operations.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <array>
#include <cmath>
#include <numbers>

namespace semiseg {
namespace {

constexpr int64_t kBins = 17;

// The images hold the whole numbers 0 … 255; each channel of a sample is an image. Pillow cuts off what
// is behind the point; a number that rounding moved below a whole one counts as that.
at::Tensor clipped(const at::Tensor& x) {
  constexpr double kRounding = 1e-4;
  return (x.clamp(0, 255) + kRounding).floor();
}

at::Tensor blended(const at::Tensor& a, const at::Tensor& b, double share) {
  return clipped(a + share * (b - a));
}

// A kernel of side k; pixels nearer to the edge than its half stay.
at::Tensor filtered(const at::Tensor& x, const std::vector<double>& kernel, int64_t side,
                    double divisor) {
  const int64_t half = side / 2;
  const at::Tensor weight = at::tensor(kernel, x.options()).view({1, 1, side, side}) / divisor;
  const at::Tensor planes = x.flatten(0, 1).unsqueeze(1);
  at::Tensor result = planes.clone();
  if (x.size(2) >= side && x.size(3) >= side) {
    const at::Tensor inner = clipped(at::conv2d(planes, weight) + 0.5);
    result.slice(2, half, x.size(2) - half).slice(3, half, x.size(3) - half).copy_(inner);
  }
  return result.view_as(x);
}

at::Tensor smoothed(const at::Tensor& x) { return filtered(x, {1, 1, 1, 1, 5, 1, 1, 1, 1}, 3, 13); }

at::Tensor blurred(const at::Tensor& x) {
  return filtered(x, {1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1}, 5,
                  16);
}

at::Tensor with_full_range(const at::Tensor& x) {
  const at::Tensor flat = x.flatten(2);
  const at::Tensor low = flat.amin(2).unsqueeze(-1).unsqueeze(-1),
                   high = flat.amax(2).unsqueeze(-1).unsqueeze(-1);
  return at::where(high > low, clipped((x - low) * (255 / (high - low).clamp_min(1))), x);
}

at::Tensor equalised(const at::Tensor& x) {
  const at::Tensor index = x.flatten(2).flatten(0, 1).to(at::kLong);
  const at::Tensor counts = at::zeros({index.size(0), 256}, x.options().dtype(at::kDouble))
                                .scatter_add_(1, index, at::ones_like(index, at::kDouble));
  const at::Tensor last = counts.gather(1, index.amax(1, /*keepdim=*/true));
  const at::Tensor step = ((counts.sum(1, /*keepdim=*/true) - last) / 255).floor();
  const at::Tensor before = counts.cumsum(1) - counts;
  const at::Tensor table =
      (((step / 2).floor() + before) / step.clamp_min(1)).floor().clamp(0, 255);
  const at::Tensor mapped = table.gather(1, index).to(x.scalar_type());
  return at::where(step > 0, mapped, index.to(x.scalar_type())).view_as(x);
}

double enhancement(double level) { return 0.1 + 1.9 * level; }

at::Tensor strong_step(int64_t operation, double level, const at::Tensor& x) {
  switch (operation) {
    case 0:
      return blended(x, with_full_range(x), level);
    case 1:
      return blended(x, blurred(x), level);
    case 2:
      return clipped(x * enhancement(level));
    case 3:  // grey images have no colour
      return x;
    case 4: {
      const at::Tensor mean = (x.mean(at::IntArrayRef{2, 3}, /*keepdim=*/true) + 0.5).floor();
      return clipped(mean + enhancement(level) * (x - mean));
    }
    case 5:
      return blended(x, equalised(x), level);
    case 6:
      return blended(x, 255 - x, level);
    case 7: {
      const double unit = std::pow(2, 7 - static_cast<int>(level * 7.999));
      return (x / unit).floor() * unit;
    }
    case 8: {
      const at::Tensor smooth = smoothed(x);
      return clipped(smooth + enhancement(level) * (x - smooth));
    }
    case 9:
      return blended(x, smoothed(x), level);
    default:
      return at::where(x >= std::floor(level * 255.999), 255 - x, x);
  }
}

// The place that a pixel reads is matrix · (pixel's centre − image's centre) + image's centre.
using Matrix = std::array<double, 4>;  // y y, y x, x y, x x

Matrix weak_matrix(int64_t operation, double level) {
  const double shear = (2 * level - 1) * 0.3;
  if (operation == 2) return {1 - 0.5 * level, 0, 0, 1 - 0.5 * level};
  if (operation == 3) {
    const double angle = std::round((2 * level - 1) * 45) * std::numbers::pi / 180;
    return {std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)};
  }
  if (operation == 4) return {1, 0, shear, 1};
  if (operation == 5) return {1, shear, 0, 1};
  return {1, 0, 0, 1};
}

at::Tensor affine_map(const Matrix& m, int64_t height, int64_t width) {
  at::Tensor map = at::full({height * width}, -1, at::kLong);
  int64_t* index = map.data_ptr<int64_t>();
  const double cy = static_cast<double>(height) / 2, cx = static_cast<double>(width) / 2;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x, ++index) {
      const double v = static_cast<double>(y) + 0.5 - cy, u = static_cast<double>(x) + 0.5 - cx;
      const auto from_y = static_cast<int64_t>(std::floor(m[0] * v + m[1] * u + cy)),
                 from_x = static_cast<int64_t>(std::floor(m[2] * v + m[3] * u + cx));
      const bool is_inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
      if (is_inside) *index = from_y * width + from_x;
    }
  }
  return map;
}

void cut_out(at::Tensor map, double level, int64_t height, int64_t width, DrawSequence& numbers) {
  const auto half = static_cast<int64_t>(
      (1 + std::floor(level * static_cast<double>(std::min(height, width)) * 0.499)) / 2);
  const int64_t y = numbers.integer(0, height), x = numbers.integer(0, width);
  map.view({height, width})
      .slice(0, std::max<int64_t>(0, y - half), y + half)
      .slice(1, std::max<int64_t>(0, x - half), x + half)
      .fill_(-1);
}

}  // namespace

std::vector<std::vector<int64_t>> strong_bins() {
  std::vector<std::vector<int64_t>> bins(11, {kBins});
  bins[7] = {8};  // bits of posterise
  return bins;
}

std::vector<std::vector<int64_t>> weak_bins() {
  return {{kBins}, {}, {kBins}, {kBins}, {kBins}, {kBins}};
}

at::Tensor apply_strong(const Policy& policy, const at::Tensor& image) {
  at::Tensor x = clipped(image * 255);
  for (const PolicyStep& step : policy) x = strong_step(step.operation, step.levels[0], x);
  return x / 255;
}

at::Tensor weak_map(const Policy& policy, int64_t height, int64_t width, const SampleIds& samples,
                    const Draws& draws) {
  at::Tensor all = at::arange(height * width).repeat({static_cast<int64_t>(samples.size()), 1});
  for (size_t i = 0; i < policy.size(); ++i) {
    const PolicyStep& step = policy[i];
    if (step.levels.empty()) continue;
    at::Tensor next;
    if (step.operation == 0) {
      next = at::arange(height * width).repeat({static_cast<int64_t>(samples.size()), 1});
      for (size_t n = 0; n < samples.size(); ++n) {
        DrawSequence numbers = draws.sequence("cutout." + std::to_string(i), samples[n]);
        cut_out(next[static_cast<int64_t>(n)], step.levels[0], height, width, numbers);
      }
    } else {
      next = affine_map(weak_matrix(step.operation, step.levels[0]), height, width).expand_as(all);
    }
    all = at::where(next < 0, next, all.gather(1, next.clamp_min(0)));
  }
  return all;
}

at::Tensor moved(const at::Tensor& values, const at::Tensor& map) {
  const at::Tensor planes = values.dim() == 3 ? values.flatten(1).unsqueeze(1) : values.flatten(2);
  const at::Tensor index = map.to(values.device()).unsqueeze(1).expand_as(planes);
  return planes.gather(2, index.clamp_min(0)).masked_fill(index < 0, 0).view(values.sizes());
}

}  // namespace semiseg
