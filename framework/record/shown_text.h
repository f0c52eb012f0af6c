// SPDX-License-Identifier: Apache-2.0
// Texts that are shown to people. Names and messages that came out of files cannot end a line, a
// cell or a tag, or move the cursor; times are UTC, and the time itself is an argument: seconds
// since the epoch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace semiseg {

// Returns one line: the lines of a message joined by "; ", control characters as \x1b.
std::string one_line(std::string_view text);

// The same for a cell or a line of Markdown: special characters are escaped.
std::string markdown_text(std::string_view text);

// The same for a cell of a table: a spreadsheet must not take text for a formula.
std::string cell_text(std::string_view text);

std::string iso_time(int64_t now);  // "2025-03-01T14:05:09Z"
std::string iso_date(int64_t now);  // "2025-03-01"

// Returns the seconds since the epoch of such a time; 0 for other text.
int64_t seconds_of(const std::string& iso_time);

}  // namespace semiseg
