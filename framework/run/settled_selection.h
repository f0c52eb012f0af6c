// SPDX-License-Identifier: Apache-2.0
// What cannot select weights does not: then the run takes the last ones, and says so.
#pragma once

#include "framework/run/assemble.h"

namespace semiseg {

// Sets protocol.select to "last" when no case of the split that selects holds any foreground, with
// a warning on the first rank: a network that finds nothing would be perfect there. Reads cases
// until one has some.
void settle_selection(Experiment& e);

// A warning for each class that no labelled patient has: nothing can teach it.
void warn_of_absent_classes(const Experiment& e);

}  // namespace semiseg
