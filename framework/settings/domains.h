// SPDX-License-Identifier: Apache-2.0
// Settings share these: domains by name, samples and labelled patients of a group of cases.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/data/label_budget.h"

namespace semiseg {

// Throws kConfig with the data set's domains when `domain` is none of them; `key` of `section` named
// it.
void check_domain(const Config& section, const std::string& key, const std::string& domain,
                  const std::vector<CaseInfo>& cases);

// The samples of cases that `is_wanted` accepts.
std::vector<SampleInfo> samples_of(const std::vector<SampleInfo>& samples,
                                   const std::vector<CaseInfo>& cases,
                                   const std::function<bool(const CaseInfo&)>& is_wanted);

// The first patients of each group of cases: `labelled` of each. `groups` are the values of `field`.
// A group without training samples is left out.
LabelBudget resolve_each(const std::vector<SampleInfo>& samples, const std::vector<CaseInfo>& cases,
                         const std::string& labelled, const std::vector<std::string>& groups,
                         const std::string CaseInfo::*field);

}  // namespace semiseg
