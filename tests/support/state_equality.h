// SPDX-License-Identifier: Apache-2.0
// Two states, entry for entry and bit for bit.
#pragma once

#include <ATen/Functions.h>
#include <gtest/gtest.h>

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

inline void expect_equal_states(const StateMap& a, const StateMap& b) {
  EXPECT_EQ(a.size(), b.size());
  for (const auto& [name, value] : a) {
    ASSERT_TRUE(b.contains(name)) << name;
    EXPECT_TRUE(equal_bits(value, b.at(name))) << name;
  }
}

}  // namespace semiseg
