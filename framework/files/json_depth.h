// SPDX-License-Identifier: Apache-2.0
// JSON of a foreign file, before a parser makes a tree of it that is walked by recursion.
#pragma once

#include <string>
#include <string_view>

namespace semiseg {

// Throws kData naming `where` when brackets are nested more than 100 deep. Checks nothing else.
void check_json_depth(std::string_view text, const std::string& where);

}  // namespace semiseg
