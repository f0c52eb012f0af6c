// SPDX-License-Identifier: Apache-2.0
// The reasons to doubt a number of a table, in sentences.
#pragma once

#include <string>
#include <vector>

namespace semiseg {

struct StatisticsTable;

// Names the rows and runs: selected on the test split, other patients than the other runs, files
// that cannot be read, values that are missing or infinite, other seeds than the reference, one
// run, one patient, several conventions of one data set, no supervised and no fully labelled row.
std::vector<std::string> table_warnings(const StatisticsTable& table);

// Returns "acdc, 7 labelled, bcp".
struct ResultsRow;
std::string name_of(const ResultsRow& row);

}  // namespace semiseg
