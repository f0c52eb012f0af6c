// SPDX-License-Identifier: Apache-2.0
// A table of results as text: Markdown for people, CSV for programs.
#pragma once

#include <string>

#include "framework/record/tables/results_table.h"

namespace semiseg {

// One heading and table for each section, then warnings and runs that are not done. Shares
// and volume errors in percent.
std::string to_markdown(const ResultsTable& table);

// One line for each row. Means and deviations with 17 significant digits, an absent one is empty;
// shares and volume errors in percent. Runs that are not done stand in comment lines.
std::string to_csv(const ResultsTable& table);

}  // namespace semiseg
