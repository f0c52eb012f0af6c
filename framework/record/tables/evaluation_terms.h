// SPDX-License-Identifier: Apache-2.0
// What a set of metrics means. It stands in every file that has any, because numbers under
// different terms must not be compared.
#pragma once

#include <string>

namespace semiseg {

struct EvaluationTerms {
  std::string definition = "medpy";  // whose metrics
  std::string unit = "voxel";        // of distances: voxel, mm
  std::string tolerance = "1";       // of the surface Dice, in `unit`
  std::string empty = "exclude";     // policy for empty classes: exclude, reference, definition
  std::string split;                 // what was evaluated: val, test
  std::string
      selection;  // what the weights were selected on: val, test, last, or words that it is unknown

  bool selected_on_test() const { return selection == "test"; }
  auto operator<=>(const EvaluationTerms&) const = default;
};

}  // namespace semiseg
