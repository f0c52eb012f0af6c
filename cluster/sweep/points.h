// SPDX-License-Identifier: Apache-2.0
// Composes every point of a sweep before anything is launched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cluster/sweep/axes.h"
#include "framework/config/compose.h"
#include "framework/core/error.h"

namespace semiseg::cluster {

struct Point {
  std::vector<int64_t> choices;  // of each axis
  // Further overrides: the iterations of a budget, what precision=auto stands for here.
  std::vector<std::string> fixed;
  std::string identity;       // 16 hexadecimal digits: equal ones are one run
  std::string configuration;  // the same without the seed
  std::string kind;           // and without what costs no time: of equal ones a step costs the same
  std::string method, dataset, labelled;
  int64_t seed = 0;
  int64_t tried = 1;             // configurations of its method on the same data and labels
  std::filesystem::path folder;  // of its run, absolute
};

// A point that cannot be composed.
struct UnfitPoint {
  std::vector<std::string> overrides;  // of swept axes
  Error error;
};

struct ComposedPoints {
  std::vector<Point> points;  // each run once
  std::vector<UnfitPoint> unfit;
  int64_t twins = 0;  // further points that are the run of an earlier one
};

struct PointsRequest {
  ComposeRequest run;   // its overrides are those of the point
  bool is_here = true;  // the runs compute on this machine, so that precision=auto is known
  int64_t now = 0;      // for the names of new folders
  std::map<std::string, int64_t> iterations = {};  // of a budget, by the kinds of points
};

// Composes the points, reads all their options and finds the folders of runs that exist already,
// whatever started them. Opens no data set. Throws kConfig when several runs are told to use one
// run.dir.
ComposedPoints compose_points(const std::vector<Axis>& axes, const PointsRequest& request);

// "method=bcp labelled=3", the overrides of swept axes.
std::string point_text(const std::vector<Axis>& axes, const Point& point);

}  // namespace semiseg::cluster
