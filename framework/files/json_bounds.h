// SPDX-License-Identifier: Apache-2.0
// JSON of a foreign file, before a parser makes a tree of it that is walked by recursion and searched
// name by name.
#pragma once

#include <string>
#include <string_view>

namespace semiseg {

// Throws kData naming `where` when brackets are nested more than 100 deep, or one of them holds more
// than 10000 names. Says nothing else of the text.
void check_json_bounds(std::string_view text, const std::string& where);

}  // namespace semiseg
