// SPDX-License-Identifier: Apache-2.0
// Compares two states entry for entry and bit for bit.
#pragma once

#include <ATen/Functions.h>

#include <string>
#include <vector>

#include "framework/core/state.h"

namespace semiseg {

inline bool equal_bits(const StateValue& a, const StateValue& b) {
  if (a.index() != b.index()) return false;
  if (const auto* tensor = std::get_if<at::Tensor>(&a)) {
    const at::Tensor& other = std::get<at::Tensor>(b);
    return tensor->scalar_type() == other.scalar_type() && at::equal(*tensor, other);
  }
  if (const auto* integer = std::get_if<int64_t>(&a)) return *integer == std::get<int64_t>(b);
  if (const auto* real = std::get_if<double>(&a)) return *real == std::get<double>(b);
  return std::get<std::string>(a) == std::get<std::string>(b);
}

// Returns the names of the entries that only one state has or whose values differ.
inline std::vector<std::string> differing_entries(const StateMap& a, const StateMap& b) {
  std::vector<std::string> names;
  for (const auto& [name, value] : a) {
    const auto other = b.find(name);
    if (other == b.end() || !equal_bits(value, other->second)) names.push_back(name);
  }
  for (const auto& [name, value] : b) {
    if (!a.contains(name)) names.push_back(name);
  }
  return names;
}

}  // namespace semiseg
