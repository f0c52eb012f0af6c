// SPDX-License-Identifier: Apache-2.0
// The ledger of reproductions: each published number beside ours under its protocol and under the
// strict one, and the parts of the gap between them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/record/published/published_rows.h"
#include "framework/record/statistics/statistics_table.h"

namespace semiseg {

// Returns Markdown: a table for each data set of the published rows, in their order, with a line for
// each row of a method that `has_method` knows, and the names of the others below. Ours under the
// published protocol is a row of the table with the same data set, labels and method that selects on
// the same split, where the publication says which, and is not in the strict budget; the strict row
// is in it. A line without ours says whether the runs or the data are missing: a data set of which
// the table has no run at all counts as not here.
std::string reproduction_ledger(const StatisticsTable& table,
                                const std::vector<PublishedResult>& published,
                                const std::function<bool(const std::string& method)>& has_method);

}  // namespace semiseg
