// SPDX-License-Identifier: Apache-2.0
// Settings share these: domains by name, and the samples of a domain.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/data/dataset.h"

namespace semiseg {

// Throws kConfig with the data set's domains when `domain` is none of them; `key` of `section` named
// it.
void check_domain(const Config& section, const std::string& key, const std::string& domain,
                  const std::vector<CaseInfo>& cases);

// The samples of cases that `is_wanted` accepts.
std::vector<SampleInfo> samples_of(const std::vector<SampleInfo>& samples,
                                   const std::vector<CaseInfo>& cases,
                                   const std::function<bool(const CaseInfo&)>& is_wanted);

}  // namespace semiseg
