// SPDX-License-Identifier: Apache-2.0
// Order-0 geometry in a plane: gives for each output pixel the input pixel that it copies. Maps
// compose, so that a chain of turns, flips, rotation and zoom touches the image once. Plain loops:
// they run in loader threads.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/data/transforms/zoom.h"

namespace semiseg {

struct PlaneMap {
  int64_t height = 0, width = 0;  // size of the output
  std::vector<int64_t> source;    // [height · width] flat index into the input; -1: fill value 0
};

// Returns the map of `turns` quarter-turns (numpy.rot90, axis 0 towards axis 1), then a flip along
// `flip_axis` 0 or 1.
PlaneMap turn_flip_map(int64_t height, int64_t width, int64_t turns, int64_t flip_axis);

// Returns the map of a rotation about the centre by whole degrees (SciPy ndimage.rotate, order 0,
// reshape off, constant 0): pixel o reads M o + c - M c with M = [[cos, sin], [-sin, cos]], rounded
// half up. A coordinate outside [0, side - 1] is filled, even where it would round to a valid
// index.
PlaneMap rotation_map(int64_t height, int64_t width, int64_t degrees);

PlaneMap zoom_map(int64_t height, int64_t width, int64_t out_height, int64_t out_width,
                  ZoomEdge edge);

// Returns the map of `first` followed by `second`, whose input is the output of `first`.
PlaneMap then(const PlaneMap& first, PlaneMap second);

// Copies one plane: `in` is the input plane, `out` holds [height · width].
template <class In, class Out>
void gather(const PlaneMap& map, const In* in, Out* out) {
  for (const int64_t source : map.source)
    *out++ = source < 0 ? Out{} : static_cast<Out>(in[source]);
}

}  // namespace semiseg
