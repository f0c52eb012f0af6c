// SPDX-License-Identifier: Apache-2.0
// Checks that state which should be equal on all ranks is equal to the bit.
#pragma once

#include <string>

#include "framework/comm/communicator.h"
#include "framework/core/state.h"

namespace semiseg {

// Collective; a message of 8 bytes. Throws kRank on all ranks, naming `what`, `where` and the ranks
// whose state differs from that of rank 0. The result of the checksum is 53 bits of XXH3.
void check_replicas(const Stateful& object, const Communicator& comm, const std::string& what,
                    const std::string& where);

}  // namespace semiseg
