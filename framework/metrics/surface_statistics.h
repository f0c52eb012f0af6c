// SPDX-License-Identifier: Apache-2.0
// Statistics of the distances between two borders. Sums run in raster order and so have the same
// bits every time.
#pragma once

#include "framework/metrics/class_surfaces.h"

namespace semiseg {

// Returns the sum of the weights: 1 or the area of each element.
double total_weight(const DirectedDistances& set);

double mean_distance(const DirectedDistances& set);
// Returns the mean of both sets together.
double mean_distance(const DirectedDistances& a, const DirectedDistances& b);

double largest_distance(const DirectedDistances& set);

// Returns the percentile of NumPy's "linear" method: interpolates between the two values around
// position fraction · (n - 1).
double percentile(std::vector<double> values, double fraction);

// Returns the first distance at which the elements up to it have `fraction` of the area.
double weighted_percentile(const DirectedDistances& set, double fraction);

// Returns the part of both borders, by weight, that is within `tolerance` of the other.
double surface_dice(const DirectedDistances& a, const DirectedDistances& b, double tolerance);

}  // namespace semiseg
