// SPDX-License-Identifier: Apache-2.0
// The start of ranks that have a GPU each: every rank takes another one, and NCCL is told how the
// ranks launch.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <vector>

namespace semiseg {

class Communicator;

// The GPU of one rank.
struct GpuPlace {
  std::string host;  // name of the machine
  std::string gpu;   // PCI address of the GPU, or another text that no other GPU of the machine has
};

// Returns the index of a rank's GPU among the `in_sight` GPUs visible to it, which are all of its
// machine, those of some of its ranks, or its own.
int gpu_index(int in_sight, int local_rank, int local_size);

// Throws kConfig naming two ranks that have the same GPU, which NCCL does not support. places: by
// rank.
void check_distinct(const std::vector<GpuPlace>& places);

// Collective. The same for the GPUs of a running program, `device` being this rank's.
void check_distinct_gpus(at::Device device, const Communicator& comm);

// Returns the name of this machine and, for a GPU, its name and the versions of driver and libraries:
// "node1: NVIDIA H200, …".
std::string describe_machine(at::Device device);

// Sets variables that NCCL reads when it starts, where the user has not set them. The reduction of
// gradients and the collectives of losses use two communicators of one device, which NCCL may run
// side by side only when it takes the order of their launches, the same on all ranks, as their order
// on the device. Call it on all ranks before any other function of NCCL. Throws kConfig when the
// environment forbids that order.
void set_nccl_variables();

}  // namespace semiseg
