// SPDX-License-Identifier: Apache-2.0
// The conventions of a set of metrics. Every file with metrics records them, because numbers under
// different conventions must not be compared.
#pragma once

#include <string>

namespace semiseg {

struct EvaluationTerms {
  std::string definition = "medpy";  // package that defines the metrics
  std::string unit = "voxel";        // unit of distances: voxel, mm
  std::string tolerance = "1";       // tolerance of the surface Dice, in `unit`
  std::string empty = "exclude";     // policy for empty classes, see EmptyPolicy
  std::string split;                 // evaluated split: val, test
  std::string
      selection;  // split that selected the weights: val, test, last, or a text that it is unknown

  bool selected_on_test() const { return selection == "test"; }
  auto operator<=>(const EvaluationTerms&) const = default;
};

}  // namespace semiseg
