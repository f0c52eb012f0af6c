// SPDX-License-Identifier: Apache-2.0
// Comma-separated values as RFC 4180 has them, with "# name: text" lines before the first row.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace semiseg {

using CsvRow = std::vector<std::string>;

struct CsvTable {
  std::vector<std::pair<std::string, std::string>> comments;  // name → text, both on one line
  std::vector<CsvRow> rows;                                   // the first one names the columns
};

std::string to_csv(const CsvTable& table);

// Throws kData naming line and `origin` when a quote stays open or a row has another number of
// fields than the first.
CsvTable parse_csv(const std::string& text, const std::string& origin);

}  // namespace semiseg
