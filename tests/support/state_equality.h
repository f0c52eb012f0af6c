// SPDX-License-Identifier: Apache-2.0
// Expects two states to be equal, entry for entry and bit for bit.
#pragma once

#include <gtest/gtest.h>

#include "launch/conformance/state_difference.h"

namespace semiseg {

inline void expect_equal_states(const StateMap& a, const StateMap& b) {
  EXPECT_EQ(differing_entries(a, b), std::vector<std::string>());
}

}  // namespace semiseg
