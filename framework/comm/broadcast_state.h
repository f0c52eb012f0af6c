// SPDX-License-Identifier: Apache-2.0
// Broadcasts a snapshot of state: rank 0 reads a file, and all ranks continue from the same bytes.
#pragma once

#include <optional>

#include "framework/comm/communicator.h"
#include "framework/core/state.h"

namespace semiseg {

// Collective. Returns rank 0's state on all ranks and ignores the argument of the others. Tensors
// are on the CPU.
std::optional<StateMap> broadcast_state(std::optional<StateMap> state, const Communicator& comm);

}  // namespace semiseg
