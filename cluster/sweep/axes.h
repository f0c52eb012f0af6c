// SPDX-License-Identifier: Apache-2.0
// The grammar of sweeps on top of the overrides: a=1,2  a=range(0,5)  zip(a=[1,2],b=[x,y]).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace semiseg::cluster {

// One argument of the command line. A choice is the overrides that it sets: one of a=1,2, several
// of zip(…). An override without a sweep has one choice.
struct Axis {
  std::vector<std::string> keys;  // "method", "protocol.iterations"
  std::vector<std::vector<std::string>> choices;

  bool is_swept() const { return choices.size() > 1; }
};

// a=x,y       the values x and y; commas in quotes, in [ ], { }, ( ) and ${ } belong to the value
// a=range(…)  (stop), (start,stop) or (start,stop,step) as in Python: the stop is not included;
//             floats are start + i·step
// a=0,range(5,8)       both together
// zip(a=[x,y],b=[u,v]) the values in step: (x,u), (y,v); a range may stand for a list
// Group choices (method=bcp,cps), +key and ++key are the same. Throws kConfig with the argument.
std::vector<Axis> parse_axes(const std::vector<std::string>& arguments);

// The choice of every axis for each point, the first axis slowest. Throws kConfig for more than
// 100 000 points.
std::vector<std::vector<int64_t>> all_points(const std::vector<Axis>& axes);

// Returns the overrides of a point in the order of the axes, those of swept axes only if so asked.
std::vector<std::string> overrides_of(const std::vector<Axis>& axes,
                                      const std::vector<int64_t>& choices, bool only_swept = false);

}  // namespace semiseg::cluster
