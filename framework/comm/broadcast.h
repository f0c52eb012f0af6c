// SPDX-License-Identifier: Apache-2.0
// Communicates texts (configurations, paths, reasons) and snapshots of state between ranks: rank 0
// reads a file, and all ranks continue from the same bytes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "framework/comm/communicator.h"
#include "framework/core/state.h"

namespace semiseg {

// Collective. Returns rank 0's text on all ranks.
std::string broadcast_text(const std::string& text, const Communicator& comm);

// Collective. Returns every rank's text, in rank order.
std::vector<std::string> gather_texts(const std::string& text, const Communicator& comm);

// Collective. Returns rank 0's state on all ranks and ignores the argument of the others. Tensors
// are on the CPU.
std::optional<StateMap> broadcast_state(std::optional<StateMap> state, const Communicator& comm);

}  // namespace semiseg
