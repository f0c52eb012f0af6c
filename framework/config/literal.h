// SPDX-License-Identifier: Apache-2.0
// Parsers that overrides, files and interpolations share.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "framework/config/value.h"

namespace semiseg {

constexpr std::string_view kSpaces = " \t\n\r";

// Returns the text without white space at both ends.
std::string_view trim(std::string_view text);

std::string lower_case(std::string_view text);

// Parses true or false in any case, an integer (1_000), a float (1e-3, .5, inf, nan); returns none
// for other text, such as 007.
std::optional<Value> parse_literal(std::string_view text);

// Returns the position after the "}" that closes the "${" at `start`; npos when it stays open.
size_t interpolation_end(std::string_view text, size_t start);

}  // namespace semiseg
