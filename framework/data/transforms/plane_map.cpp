// SPDX-License-Identifier: Apache-2.0
#include "framework/data/transforms/plane_map.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// Fills a map from source(y, x) → flat index.
template <class Source>
PlaneMap make_map(int64_t height, int64_t width, Source source) {
  PlaneMap map{height, width, {}};
  map.source.reserve(static_cast<size_t>(height * width));
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) map.source.push_back(source(y, x));
  }
  return map;
}

}  // namespace

PlaneMap turn_flip_map(int64_t height, int64_t width, int64_t turns, int64_t flip_axis) {
  SEMISEG_CHECK(turns >= 0 && turns < 4 && (flip_axis == 0 || flip_axis == 1),
                "turns 0 to 3, flip axis 0 or 1");
  const bool swaps = turns % 2 == 1;
  const int64_t out_height = swaps ? width : height, out_width = swaps ? height : width;
  return make_map(out_height, out_width, [&](int64_t y, int64_t x) {
    if (flip_axis == 0) y = out_height - 1 - y;
    if (flip_axis == 1) x = out_width - 1 - x;
    switch (turns) {
      case 1:
        return x * width + (width - 1 - y);
      case 2:
        return (height - 1 - y) * width + (width - 1 - x);
      case 3:
        return (height - 1 - x) * width + y;
      default:
        return y * width + x;
    }
  });
}

PlaneMap rotation_map(int64_t height, int64_t width, int64_t degrees) {
  const double radians = static_cast<double>(degrees) * (std::numbers::pi / 180.0);
  const double cosine = std::cos(radians), sine = std::sin(radians);
  const double last_y = static_cast<double>(height - 1), last_x = static_cast<double>(width - 1);
  const double centre_y = last_y / 2, centre_x = last_x / 2;
  const double shift_y = centre_y - (cosine * centre_y + sine * centre_x);
  const double shift_x = centre_x - (-sine * centre_y + cosine * centre_x);
  return make_map(height, width, [&](int64_t y, int64_t x) -> int64_t {
    const double row = static_cast<double>(y), column = static_cast<double>(x);
    const double source_y = cosine * row + sine * column + shift_y;
    const double source_x = -sine * row + cosine * column + shift_x;
    if (source_y < 0 || source_y > last_y || source_x < 0 || source_x > last_x) return -1;
    return static_cast<int64_t>(std::floor(source_y + 0.5)) * width +
           static_cast<int64_t>(std::floor(source_x + 0.5));
  });
}

PlaneMap zoom_map(int64_t height, int64_t width, int64_t out_height, int64_t out_width,
                  ZoomEdge edge) {
  const auto rows = zoom_indices(height, out_height, edge),
             columns = zoom_indices(width, out_width, edge);
  return make_map(out_height, out_width, [&](int64_t y, int64_t x) -> int64_t {
    const int64_t row = rows[static_cast<size_t>(y)], column = columns[static_cast<size_t>(x)];
    return row < 0 || column < 0 ? -1 : row * width + column;
  });
}

PlaneMap then(const PlaneMap& first, PlaneMap second) {
  for (int64_t& source : second.source) {
    if (source >= 0) source = first.source[static_cast<size_t>(source)];
  }
  return second;
}

}  // namespace semiseg
