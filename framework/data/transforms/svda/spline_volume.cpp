// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/svda/spline_volume.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

using Sizes = std::array<int64_t, 3>;

Sizes sizes_of(const at::Tensor& values) {
  const auto sizes = values.sizes().slice(values.dim() - 3);
  return {sizes[0], sizes[1], sizes[2]};
}

// Calls visit(first index, step) for every line along an axis.
template <class Visit>
void for_each_line(const Sizes& size, size_t axis, const Visit& visit) {
  const Sizes step = {size[1] * size[2], size[2], 1};
  const size_t outer = axis == 0 ? 1 : 0, inner = axis == 2 ? 1 : 2;
  for (int64_t i = 0; i < size[outer]; ++i)
    for (int64_t j = 0; j < size[inner]; ++j) visit(i * step[outer] + j * step[inner], step[axis]);
}

// Turns values into the coefficients of the cubic B-spline through them, mirrored at both ends
// (d c b | a b c d | c b a): the recursive filter of Unser (IEEE SPM 16(6), 1999) with its exact
// start.
void to_coefficients(std::vector<double>& line) {
  const double pole = std::sqrt(3.0) - 2, gain = (1 - pole) * (1 - 1 / pole);
  const size_t size = line.size();
  if (size < 2) return;
  for (double& value : line) value *= gain;
  const double far = std::pow(pole, static_cast<double>(size - 1));
  double start = line[0] + far * line[size - 1], power = pole;
  for (size_t i = 1; i + 1 < size; ++i, power *= pole)
    start += power * (line[i] + far * line[size - 1 - i]);
  line[0] = start / (1 - far * far);
  for (size_t i = 1; i < size; ++i) line[i] += pole * line[i - 1];
  line[size - 1] = (pole * line[size - 2] + line[size - 1]) * pole / (pole * pole - 1);
  for (size_t i = size - 1; i > 0; --i) line[i - 1] = pole * (line[i] - line[i - 1]);
}

int64_t mirrored(int64_t index, int64_t size) {
  if (size == 1) return 0;
  const int64_t period = 2 * (size - 1), place = ((index % period) + period) % period;
  return std::min(place, period - place);
}

// The coefficients that a coordinate within an axis reads, and their weights.
struct Taps {
  std::array<int64_t, 4> index;
  std::array<double, 4> weight;
};

Taps cubic_taps(double coordinate, int64_t size) {
  const double below = std::floor(coordinate), t = coordinate - below, u = 1 - t;
  Taps taps{.index = {},
            .weight = {u * u * u / 6, (4 - 6 * t * t + 3 * t * t * t) / 6,
                       (4 - 6 * u * u + 3 * u * u * u) / 6, t * t * t / 6}};
  for (int64_t k = 0; k < 4; ++k)
    taps.index[static_cast<size_t>(k)] = mirrored(static_cast<int64_t>(below) + k - 1, size);
  return taps;
}

bool is_inside(double coordinate, int64_t size) {
  return coordinate >= 0 && coordinate <= static_cast<double>(size - 1);
}

// The rotated places that the pixels of a plane [H,W] read, row by row.
struct PlanePlace {
  double y, x;
  bool inside;
};

std::vector<PlanePlace> rotated_places(int64_t height, int64_t width, double radians) {
  const double cos = std::cos(radians), sin = std::sin(radians);
  const double middle_y = static_cast<double>(height - 1) / 2;
  const double middle_x = static_cast<double>(width - 1) / 2;
  std::vector<PlanePlace> places;
  for (int64_t i = 0; i < height; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      const double dy = static_cast<double>(i) - middle_y, dx = static_cast<double>(j) - middle_x;
      const double y = dy * cos + dx * sin + middle_y, x = dx * cos - dy * sin + middle_x;
      places.push_back({y, x, is_inside(y, height) && is_inside(x, width)});
    }
  }
  return places;
}

double zoomed_place(int64_t index, int64_t size, double factor) {
  const double middle = static_cast<double>(size - 1) / 2;
  return (static_cast<double>(index) - middle) * factor + middle;
}

// The label with at least half of the weights, the largest of two; 0 where there is none.
template <size_t count>
uint8_t heaviest(const std::array<uint8_t, count>& labels,
                 const std::array<double, count>& weights) {
  uint8_t winner = 0;
  for (size_t i = 0; i < count; ++i) {
    if (labels[i] <= winner) continue;
    double sum = 0;
    for (size_t j = 0; j < count; ++j) sum += labels[j] == labels[i] ? weights[j] : 0;
    if (sum >= 0.5) winner = labels[i];
  }
  return winner;
}

struct Neighbours {
  int64_t below, above;
  double weight_above;
};

Neighbours neighbours(double coordinate, int64_t size) {
  const auto below = static_cast<int64_t>(std::floor(coordinate));
  return {below, std::min(below + 1, size - 1), coordinate - static_cast<double>(below)};
}

// Runs `change` on the lines of all channels along an axis, in float64.
template <class Change>
void change_lines(std::vector<double>& values, const Sizes& size, size_t axis,
                  const Change& change) {
  std::vector<double> line(static_cast<size_t>(size[axis]));
  for_each_line(size, axis, [&](int64_t first, int64_t step) {
    for (size_t i = 0; i < line.size(); ++i)
      line[i] = values[static_cast<size_t>(first + static_cast<int64_t>(i) * step)];
    change(line);
    for (size_t i = 0; i < line.size(); ++i)
      values[static_cast<size_t>(first + static_cast<int64_t>(i) * step)] = line[i];
  });
}

// Gives each channel to `fill` in float64, with the place of its result.
template <class Fill>
at::Tensor by_channel(const at::Tensor& image, const Fill& fill) {
  SEMISEG_CHECK(image.dim() == 4 && image.is_contiguous(), "a patch of a volume is [C,D,H,W]");
  at::Tensor result = at::empty(image.sizes(), at::kFloat);
  const int64_t voxels = image.numel() / image.size(0);
  for (int64_t c = 0; c < image.size(0); ++c) {
    const float* in = image.const_data_ptr<float>() + c * voxels;
    std::vector<double> values(in, in + voxels);
    fill(values, result.mutable_data_ptr<float>() + c * voxels);
  }
  return result;
}

}  // namespace

at::Tensor rotate_image(const at::Tensor& image, double radians) {
  const Sizes size = sizes_of(image);
  const auto places = rotated_places(size[1], size[2], radians);
  return by_channel(image, [&](std::vector<double>& values, float* out) {
    for (const size_t axis : {1, 2}) change_lines(values, size, axis, to_coefficients);
    std::fill_n(out, values.size(), 0.0f);
    const auto plane = static_cast<int64_t>(places.size());
    for (int64_t p = 0; p < plane; ++p) {
      const PlanePlace& place = places[static_cast<size_t>(p)];
      if (!place.inside) continue;
      const Taps rows = cubic_taps(place.y, size[1]), columns = cubic_taps(place.x, size[2]);
      for (int64_t slice = 0; slice < size[0]; ++slice) {
        const double* from = values.data() + slice * plane;
        double sum = 0;
        for (size_t a = 0; a < 4; ++a)
          for (size_t b = 0; b < 4; ++b)
            sum += rows.weight[a] * columns.weight[b] *
                   from[rows.index[a] * size[2] + columns.index[b]];
        out[slice * plane + p] = static_cast<float>(sum);
      }
    }
  });
}

at::Tensor rotate_label(const at::Tensor& label, double radians) {
  const Sizes size = sizes_of(label);
  const auto places = rotated_places(size[1], size[2], radians);
  at::Tensor result = at::zeros(label.sizes(), at::kByte);
  const auto plane = static_cast<int64_t>(places.size());
  for (int64_t p = 0; p < plane; ++p) {
    const PlanePlace& place = places[static_cast<size_t>(p)];
    if (!place.inside) continue;
    const Neighbours y = neighbours(place.y, size[1]), x = neighbours(place.x, size[2]);
    const std::array<int64_t, 4> from = {y.below * size[2] + x.below, y.below * size[2] + x.above,
                                         y.above * size[2] + x.below, y.above * size[2] + x.above};
    const double b = y.weight_above, r = x.weight_above;
    const std::array<double, 4> weights = {(1 - b) * (1 - r), (1 - b) * r, b * (1 - r), b * r};
    for (int64_t slice = 0; slice < size[0]; ++slice) {
      const uint8_t* in = label.const_data_ptr<uint8_t>() + slice * plane;
      result.mutable_data_ptr<uint8_t>()[slice * plane + p] =
          heaviest<4>({in[from[0]], in[from[1]], in[from[2]], in[from[3]]}, weights);
    }
  }
  return result;
}

at::Tensor zoom_image(const at::Tensor& image, double factor) {
  SEMISEG_CHECK(factor > 0 && factor <= 1, "a zoom reads inside the patch");
  const Sizes size = sizes_of(image);
  return by_channel(image, [&](std::vector<double>& values, float* out) {
    for (size_t axis = 0; axis < 3; ++axis) {
      std::vector<Taps> taps;
      for (int64_t i = 0; i < size[axis]; ++i)
        taps.push_back(cubic_taps(zoomed_place(i, size[axis], factor), size[axis]));
      change_lines(values, size, axis, [&](std::vector<double>& line) {
        to_coefficients(line);
        const std::vector<double> coefficients = line;
        for (size_t i = 0; i < line.size(); ++i) {
          line[i] = 0;
          for (size_t k = 0; k < 4; ++k)
            line[i] += taps[i].weight[k] * coefficients[static_cast<size_t>(taps[i].index[k])];
        }
      });
    }
    std::transform(values.begin(), values.end(), out,
                   [](double value) { return static_cast<float>(value); });
  });
}

at::Tensor zoom_label(const at::Tensor& label, double factor) {
  const Sizes size = sizes_of(label);
  std::array<std::vector<Neighbours>, 3> near;
  for (size_t axis = 0; axis < 3; ++axis)
    for (int64_t i = 0; i < size[axis]; ++i)
      near[axis].push_back(neighbours(zoomed_place(i, size[axis], factor), size[axis]));
  at::Tensor result = at::empty(label.sizes(), at::kByte);
  const uint8_t* in = label.const_data_ptr<uint8_t>();
  uint8_t* out = result.mutable_data_ptr<uint8_t>();
  for (const Neighbours& z : near[0]) {
    for (const Neighbours& y : near[1]) {
      for (const Neighbours& x : near[2]) {
        std::array<uint8_t, 8> labels{};
        std::array<double, 8> weights{};
        for (size_t corner = 0; corner < 8; ++corner) {
          const bool up = corner & 4, down = corner & 2, right = corner & 1;
          labels[corner] =
              in[((up ? z.above : z.below) * size[1] + (down ? y.above : y.below)) * size[2] +
                 (right ? x.above : x.below)];
          weights[corner] = (up ? z.weight_above : 1 - z.weight_above) *
                            (down ? y.weight_above : 1 - y.weight_above) *
                            (right ? x.weight_above : 1 - x.weight_above);
        }
        *out++ = heaviest(labels, weights);
      }
    }
  }
  return result;
}

}  // namespace semiseg
