// SPDX-License-Identifier: Apache-2.0
// TOML text → values with their lines. The only place that knows toml++.
#pragma once

#include <string>
#include <string_view>

#include "framework/config/value.h"

namespace semiseg {

// The root section in the order of the text. kConfig with `source` and line for text that is not
// TOML, for dates, and for keys with a dot in quotes.
Value parse_toml(std::string_view text, const std::string& source);

}  // namespace semiseg
