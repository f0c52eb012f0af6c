// SPDX-License-Identifier: Apache-2.0
// What is made of the distances between two borders. Sums run in raster order, hence the same bits
// every time.
#pragma once

#include "framework/metrics/class_surfaces.h"

namespace semiseg {

// 1 or the area of each element, and their sum.
double total_weight(const DirectedDistances& set);

double mean_distance(const DirectedDistances& set);
// Of both sets together.
double mean_distance(const DirectedDistances& a, const DirectedDistances& b);

double largest_distance(const DirectedDistances& set);

// As NumPy's "linear": between the two values around position fraction · (n - 1).
double percentile(std::vector<double> values, double fraction);

// The first distance at which the elements up to it have `fraction` of the area.
double weighted_percentile(const DirectedDistances& set, double fraction);

// Part of both borders, by weight, that is no farther than `tolerance` from the other.
double surface_dice(const DirectedDistances& a, const DirectedDistances& b, double tolerance);

}  // namespace semiseg
