// SPDX-License-Identifier: Apache-2.0
// The communicators of several processes: Open MPI carries CPU tensors, and NCCL, in builds with
// CUDA (SEMISEG_HAS_CUDA), those of GPUs.
#pragma once

#include <memory>
#include <string>

#include "framework/comm/communicator.h"
#include "framework/comm/gpu_ranks.h"

namespace semiseg {

// Collective over all processes that were started together; call it once a process. Calls
// MPI_Init_thread (MPI_THREAD_MULTIPLE: the watchdog may abort while another thread communicates).
// Throws kRank when MPI cannot be started.
std::unique_ptr<Communicator> join_mpi_world();

// Collective over the ranks of `host`, each with a `device` (index of a CUDA device) that no other
// rank uses. Tensors on that device go through NCCL: float64, float32, bfloat16, float16, int64,
// int32, uint8, bool. The host never waits for the device: a result is ready for later work on the
// current stream. CPU tensors, barrier and abort go through `host`, as does NCCL's identifier at
// the start. All connections are made here: what cannot connect fails or hangs at the start. Each
// collective is noted in the ring of the process where the host has a heartbeat, so that the watchdog
// sees one that does not end. Throws kRank when a device or NCCL fails, here and in every collective.
std::unique_ptr<Communicator> make_nccl_communicator(std::unique_ptr<Communicator> host,
                                                     int device);

// Returns the GPU of this rank as ranks compare them (check_distinct): machine and PCI address.
// NCCL_HOSTID stands for the machine, as it does for NCCL.
GpuPlace gpu_place(int device);

// "NVIDIA H200, driver 13.0, CUDA 13.0, NCCL 2.28.9", for records.
std::string describe_gpu(int device);

}  // namespace semiseg
