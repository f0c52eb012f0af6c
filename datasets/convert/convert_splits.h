// SPDX-License-Identifier: Apache-2.0
// Assigns the patients of the cases to training, validation and test.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

struct SplitRequest {
  // A fraction of the patients with labels ("0.2") or a file with a patient a line; empty: none.
  std::string val, test;
  int64_t seed = 0;  // seed of the random choice of patients
  // Regular expression whose first group in a case's id is its patient; empty: the whole id.
  std::string patient_pattern;
};

struct SplitCases {
  std::vector<std::string> ids;
  std::set<std::string> labelled;  // ids of those with labels
  std::vector<CaseInfo> kept;      // those made earlier, whose patients stay in their splits
};

// Returns one entry for each id, in their order. Only patients all of whose cases have labels are
// drawn; of them, kept ones included, a split gets its fraction, as far as new patients suffice. So
// an interrupted conversion resumes with the same splits, and cases can be added. Throws kConfig
// for a fraction outside [0, 1), splits that leave no patient with labels for training, a pattern
// that does not match, a listed patient who is in no case, a case without a label in val or test,
// and lists or a pattern that contradict a kept case.
std::vector<CaseInfo> assign_splits(const SplitCases& given, const SplitRequest& request);

}  // namespace semiseg
