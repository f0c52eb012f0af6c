// SPDX-License-Identifier: Apache-2.0
// TOML text → values with their lines. Only this file uses toml++.
#pragma once

#include <string>
#include <string_view>

#include "framework/config/value.h"

namespace semiseg {

// Returns the root section in the order of the text. Throws kConfig with `source` and line for text
// that is not TOML, for dates, and for keys with a dot in quotes.
Value parse_toml(std::string_view text, const std::string& source);

}  // namespace semiseg
