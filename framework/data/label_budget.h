// SPDX-License-Identifier: Apache-2.0
// The training samples that keep their labels: those of the first n patients all of whose cases
// have ground truth, in published order. Always patients, never slices: neighbouring slices of one
// heart on both sides would leak labels into the unlabelled set.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/data/dataset.h"
#include "framework/data/pool.h"

namespace semiseg {

struct LabelBudget {
  std::vector<SampleInfo> labelled,
      unlabelled;                     // disjoint, together all samples, each in published order
  std::vector<std::string> patients;  // the labelled ones, in published order
  std::string hash;  // xxh3 of the patient ids, 16 hexadecimal digits; recorded only
};

// `samples` are DatasetSource::training_samples. `labelled` is a number of patients, "7", a whole
// share of those that have ground truth, "2%", rounded up, or "all" of them. Where every sample is
// labelled, the unlabelled list is empty. Throws kConfig when it is none of these, is below 1, or
// exceeds the patients with ground truth.
LabelBudget resolve_budget(const std::vector<SampleInfo>& samples,
                           const std::vector<CaseInfo>& cases, std::string_view labelled);

// Returns the pools "labelled" and "unlabelled" of a budget. Without unlabelled samples the pool
// "unlabelled" holds the labelled ones, whose ground truth it never shows.
Pools pools_of(const LabelBudget& budget);

// Returns xxh3 of the patient ids, as 16 hexadecimal digits.
std::string hash_patients(const std::vector<std::string>& patients);

}  // namespace semiseg
