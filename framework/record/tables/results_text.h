// SPDX-License-Identifier: Apache-2.0
// The short table of results as Markdown.
#pragma once

#include <string>
#include <vector>

#include "framework/record/published/published_rows.h"

namespace semiseg {

// One heading and table for each section, then the verdicts in words, published rows, warnings and
// runs that are not done. Shares and volume errors in percent.
std::string to_markdown(const StatisticsTable& table,
                        const std::vector<PublishedResult>& published = {});

}  // namespace semiseg
