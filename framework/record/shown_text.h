// SPDX-License-Identifier: Apache-2.0
// Names and messages that came out of files, as they are shown to people: they end no line, no cell
// and no tag, and move no cursor.
#pragma once

#include <string>
#include <string_view>

namespace semiseg {

// One line: the lines of a message joined by "; ", control characters as \x1b.
std::string one_line(std::string_view text);

// The same for a cell or a line of Markdown: what has a meaning there is escaped.
std::string markdown_text(std::string_view text);

// The same for a cell of a table: a spreadsheet takes no text that begins like a formula for one.
std::string cell_text(std::string_view text);

}  // namespace semiseg
