// SPDX-License-Identifier: Apache-2.0
// Communicates texts between ranks: configurations, paths, reasons.
#pragma once

#include <string>
#include <vector>

#include "framework/comm/communicator.h"

namespace semiseg {

// Collective. Returns rank 0's text on all ranks.
std::string broadcast_text(const std::string& text, const Communicator& comm);

// Collective. Returns every rank's text, in rank order.
std::vector<std::string> gather_texts(const std::string& text, const Communicator& comm);

}  // namespace semiseg
