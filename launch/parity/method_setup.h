// SPDX-License-Identifier: Apache-2.0
// The words of a parity case of kind `method`, those of the references' scripts, as the project's
// configuration.
#pragma once

#include "launch/parity/method_under_test.h"
#include "launch/parity/parity_case.h"

namespace semiseg {

// In float64. Options that are no translation of the case's go to section [method] under their own
// names. NotKnown where the method or one of its networks is not registered.
MethodSetup setup_of(const ParityCase& parity);

}  // namespace semiseg
