// SPDX-License-Identifier: Apache-2.0
// Applies overrides of values to the composed tree, in the order of the command line.
#pragma once

#include "framework/config/grammar.h"
#include "framework/config/value.h"

namespace semiseg {

// Throws kConfig with the override's text: key or section not there (with the nearest spelling),
// already there (+key), different from what ~key=value expects, a section set to a value, null.
void apply_override(Value& root, const Override& change);

}  // namespace semiseg
