// SPDX-License-Identifier: Apache-2.0
// The names that a plug-in registers although they are taken.
#pragma once

#include <string>
#include <vector>

namespace semiseg {

// Collects them while it lives, instead of an exception (see refuse_taken_name). One at a time.
struct TakenNames {
  TakenNames();
  ~TakenNames();
  TakenNames(const TakenNames&) = delete;
  TakenNames& operator=(const TakenNames&) = delete;

  std::vector<std::string> names;  // "method 'bcp'"
};

}  // namespace semiseg
