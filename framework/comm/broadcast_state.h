// SPDX-License-Identifier: Apache-2.0
// A snapshot of state from rank 0 to all: one rank reads a file, all go on from the same bytes.
#pragma once

#include <optional>

#include "framework/comm/communicator.h"
#include "framework/core/state.h"

namespace semiseg {

// Collective. Rank 0's state on all ranks; what the others pass is not looked at. Tensors on the
// CPU.
std::optional<StateMap> broadcast_state(std::optional<StateMap> state, const Communicator& comm);

}  // namespace semiseg
