// SPDX-License-Identifier: Apache-2.0
// Patients of the cases, and which of them are for training, validation and test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

struct SplitRequest {
  // A fraction of the patients ("0.2") or a file with a patient a line; empty: none.
  std::string val, test;
  int64_t seed = 0;  // of the draw of fractions
  // Regular expression whose first group in a case's id is its patient; empty: the whole id.
  std::string patient_pattern;
};

// One entry for each id, in their order. kConfig for a fraction outside [0, 1), fractions that
// leave no patient for training, a pattern that does not match, and a listed patient who is in no
// case.
std::vector<CaseInfo> assign_splits(const std::vector<std::string>& ids,
                                    const SplitRequest& request);

}  // namespace semiseg
