// SPDX-License-Identifier: Apache-2.0
// Runs one parity case, whatever its kind.
#pragma once

#include <string>

#include "launch/parity/comparison.h"

namespace semiseg {

enum class Verdict {
  kPassed,
  kFailed,
  kSkipped,  // a kind or name that is not known here
};
const char* to_string(Verdict verdict);  // "passed", "failed", "skipped"

struct ParityResult {
  Verdict verdict;
  std::string detail;  // one line: the largest deviation and where it is, or the reason
};

// Does not throw. Cases of kind `method` run in the given arithmetic; other kinds fix their own.
ParityResult run_case(const ParityCase& parity, Arithmetic arithmetic = Arithmetic::kFloat64);

}  // namespace semiseg
