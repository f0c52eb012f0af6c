// SPDX-License-Identifier: Apache-2.0
// Takes the last weights, with a warning, when the validation cannot select any.
#pragma once

#include "framework/run/run.h"

namespace semiseg {

// Sets protocol.select to "last" when no case of the split that selects holds any foreground, with
// a warning on the first rank: a network that finds nothing would be perfect there. Reads cases
// until one has some.
void settle_selection(Run& run);

// Warns of each class that no labelled patient has, because it cannot be learned.
void warn_of_absent_classes(const RunData& data);

}  // namespace semiseg
