// SPDX-License-Identifier: Apache-2.0
// The communicators of several processes: Open MPI carries CPU tensors, and NCCL, in builds with
// CUDA (SEMISEG_HAS_CUDA), those of GPUs.
#pragma once

#include <memory>

#include "framework/comm/communicator.h"

namespace semiseg {

// Collective over all processes that were started together; call it once a process. Calls
// MPI_Init_thread (MPI_THREAD_MULTIPLE: the watchdog may abort while another thread communicates).
// Throws kRank when MPI cannot be started.
std::unique_ptr<Communicator> join_mpi_world();

// Collective over the ranks of `host`, each with a `device` (index of a CUDA device) that no other
// rank uses. Tensors on that device go through NCCL: float64, float32, bfloat16, float16, int64,
// int32, uint8, bool. The host never waits for the device: a result is ready for later work on the
// current stream. CPU tensors, barrier and abort go through `host`, as does NCCL's identifier at
// the start. Throws kRank when a device or NCCL fails, here and in every collective. The watchdog
// sees only the collectives of `host`: a rank that waits for the device does not count as waiting.
std::unique_ptr<Communicator> make_nccl_communicator(std::unique_ptr<Communicator> host,
                                                     int device);

}  // namespace semiseg
