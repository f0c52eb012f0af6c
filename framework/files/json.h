// SPDX-License-Identifier: Apache-2.0
// JSON of a file that came from elsewhere: its bounds, before a parser makes a tree of it that is
// walked by recursion and searched name by name, and its numbers.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

namespace semiseg {

// Throws kData naming `where` when brackets are nested more than 100 deep, or one of them holds more
// than 10000 names. Says nothing else of the text.
void check_json_bounds(std::string_view text, const std::string& where);

// Returns a whole number; throws std::out_of_range for anything else. The conversion of the library
// casts 1e300, which has no defined result.
template <class Json>
int64_t whole_number(const Json& json) {
  constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  const bool is_whole = json.is_number_integer() &&
                        !(json.is_number_unsigned() && json.template get<uint64_t>() > kLargest);
  if (!is_whole) throw std::out_of_range("not a whole number: " + json.dump());
  return json.template get<int64_t>();
}

}  // namespace semiseg
