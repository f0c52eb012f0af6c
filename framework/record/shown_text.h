// SPDX-License-Identifier: Apache-2.0
// Names and messages that came out of files, as they are shown to people: they cannot end a line, a
// cell or a tag, or move the cursor.
#pragma once

#include <string>
#include <string_view>

namespace semiseg {

// Returns one line: the lines of a message joined by "; ", control characters as \x1b.
std::string one_line(std::string_view text);

// The same for a cell or a line of Markdown: special characters are escaped.
std::string markdown_text(std::string_view text);

// The same for a cell of a table: a spreadsheet must not take text for a formula.
std::string cell_text(std::string_view text);

}  // namespace semiseg
