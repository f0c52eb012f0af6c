// SPDX-License-Identifier: Apache-2.0
// Finds the options of a case that no runner understands.
#pragma once

#include <string>
#include <vector>

#include "launch/parity/parity_case.h"

namespace semiseg {

// Returns a sentence for each option of a case, once it has run, that no runner has asked for and
// that does not only describe the case, and for each that asks for something else than the one
// thing that is implemented. Cases of kind `backbone` and `method` are checked where their
// configuration is read.
std::vector<std::string> unknown_options(const ParityCase& parity);

}  // namespace semiseg
