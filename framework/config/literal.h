// SPDX-License-Identifier: Apache-2.0
// Pieces of text that overrides, files and interpolations read alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "framework/config/value.h"

namespace semiseg {

constexpr std::string_view kSpaces = " \t\n\r";

// Without white space at both ends.
std::string_view trim(std::string_view text);

std::string lower_case(std::string_view text);

// true or false in any case, integer (1_000), float (1e-3, .5, inf, nan); none for other text, such
// as 007.
std::optional<Value> parse_literal(std::string_view text);

// Position after the "}" that closes the "${" at `start`; npos when it stays open.
size_t interpolation_end(std::string_view text, size_t start);

}  // namespace semiseg
