// SPDX-License-Identifier: Apache-2.0
// The rows that a row of a table is compared with.
#pragma once

#include <string>
#include <vector>

#include "framework/record/tables/results_table.h"

namespace semiseg {

// True when both rows may be compared: one section, as many labelled patients, the same kind of
// budget, and selection on the test split in both or none.
bool may_compare(const ResultsRow& a, const ResultsRow& b);

// True for a row of a method of the supervised family.
bool is_supervised(const ResultsRow& row);

// Returns the references of each row, as indices: the row named `against` (its method, or method
// and backbone, as the table shows them) among those that may be compared, or by default the first
// one of the supervised family and, for a method with a setting `base`, the first one of that
// method. Throws kConfig when no row has the name.
std::vector<std::vector<size_t>> references_of(const std::vector<ResultsRow>& rows,
                                               const std::string& against);

}  // namespace semiseg
