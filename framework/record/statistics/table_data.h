// SPDX-License-Identifier: Apache-2.0
// The table for programs: every number of it, with all digits.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "framework/record/statistics/table_columns.h"

namespace semiseg {

// One line for each row, metric, part and reference, with the columns of table_columns(). Numbers
// have 17 significant digits, an absent one is empty. Warnings and runs that are not done stand in
// comment lines.
std::string to_csv(const StatisticsTable& table);

// {"lines": [{column: value, …}, …], "warnings": […], "unfinished": […]}: the lines of the CSV with
// intervals as lists; absent numbers are null, infinite ones "inf" and "-inf".
std::string to_json(const StatisticsTable& table);

// Returns the value of one column in that form.
nlohmann::ordered_json json_value(const TableColumn& column, const TableLine& line);

}  // namespace semiseg
