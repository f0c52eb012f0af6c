// SPDX-License-Identifier: Apache-2.0
// Functions that settings share: domains by name, samples and labelled patients of a group of
// cases.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/data/label_budget.h"

namespace semiseg {

// Throws kConfig with the data set's domains when `domain` is none of them; it is the value of
// `key` in `section`.
void check_domain(const Config& section, const std::string& key, const std::string& domain,
                  const std::vector<CaseInfo>& cases);

// Returns the samples of the cases that `is_wanted` accepts.
std::vector<SampleInfo> samples_of(const std::vector<SampleInfo>& samples,
                                   const std::vector<CaseInfo>& cases,
                                   const std::function<bool(const CaseInfo&)>& is_wanted);

// Labels the first `labelled` patients of each group of cases. `groups` are the values of `field`.
// A group without training samples is left out.
LabelBudget resolve_each(const std::vector<SampleInfo>& samples, const std::vector<CaseInfo>& cases,
                         const std::string& labelled, const std::vector<std::string>& groups,
                         const std::string CaseInfo::*field);

// Repeats the samples of tasks in every pool until each task has as many as the largest, in turn
// and whole rounds first: [a a a a b b] of two tasks becomes [a a a a b b b b].
Pools with_equal_tasks(Pools pools, const std::vector<CaseInfo>& cases);

}  // namespace semiseg
