// SPDX-License-Identifier: Apache-2.0
// The communicator of processes, by Open MPI, for CPU tensors.
#pragma once

#include <memory>

#include "framework/comm/communicator.h"

namespace semiseg {

// Collective over all processes that were started together; call it once a process. Calls
// MPI_Init_thread (MPI_THREAD_MULTIPLE: the watchdog may abort while another thread communicates).
// Throws kRank when MPI cannot be started.
std::unique_ptr<Communicator> join_mpi_world();

}  // namespace semiseg
