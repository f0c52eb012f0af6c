// SPDX-License-Identifier: Apache-2.0
// Numbers of JSON files that came from elsewhere.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>

namespace semiseg {

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
