// SPDX-License-Identifier: Apache-2.0
// Trains a small method for some iterations of each stage, on seeded batches.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "launch/conformance/method_case.h"

namespace semiseg {

using Records = std::vector<std::pair<std::string, double>>;

// Trains iterations `first` to `first + 1` of each stage. With several ranks each takes its share.
Records train_stages(MethodUnderTest& method, const MethodSetup& setup, const Communicator& comm,
                     int64_t first = 0);

// Returns a copy of the whole state.
StateMap state_of(MethodUnderTest& method);

}  // namespace semiseg
