// SPDX-License-Identifier: Apache-2.0
// A check of an error's kind and words.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {

// The action throws an Error of this kind whose message has all the words.
inline void expect_error(ErrorKind kind, const std::vector<std::string>& words,
                         const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "no error; expected one that says '" << words.front() << "'";
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << error.what();
    for (const auto& word : words) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
          << "'" << word << "' is not in: " << error.what();
    }
  }
}

}  // namespace semiseg
