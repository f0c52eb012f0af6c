// SPDX-License-Identifier: Apache-2.0
// Values → TOML text that parse_toml reads back to the same values, and the text that is hashed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/config/value.h"

namespace semiseg {

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
