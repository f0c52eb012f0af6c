// SPDX-License-Identifier: Apache-2.0
// TOML text → values with their lines, and back: text that parse_toml reads to the same values, and
// the text that is hashed. Only toml_file.cpp uses toml++.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/config/value.h"

namespace semiseg {

// Returns the root section in the order of the text. Throws kConfig with `source` and line for text
// that is not TOML, for dates, and for keys with a dot in quotes.
Value parse_toml(std::string_view text, const std::string& source);

// Returns the value on one line: 3, 0.5, "text", [1, 2], {a = 1}. Keys of inline sections are
// sorted. "${" in a string is escaped, because the reader would take it for an interpolation.
std::string value_text(const Value& value);

// Returns the value without quotes, to be put into other text. Booleans, numbers and strings only.
std::string plain_text(const Value& scalar);

// Returns the values first, then sections under their headers; with origins each value ends in "#
// file:line".
std::string section_text(const Value& section, bool origins);

// Returns one "path = value" a line, sorted, without the paths in `ignored` and all below them.
// Empty sections leave no trace.
std::string canonical_text(const Value& section, const std::string& path,
                           const std::vector<std::string>& ignored);

}  // namespace semiseg
