// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/communicator.h"
#include "framework/comm/launch_environment.h"
#include "framework/comm/mpi/mpi.h"

#ifdef SEMISEG_HAS_CUDA
#include "framework/comm/nccl/nccl.h"
#endif

namespace semiseg {

std::unique_ptr<Communicator> join_world(const std::map<std::string, std::string>& variables) {
  if (LaunchEnvironment::read(variables).size == 1) return make_serial_communicator();
  return join_mpi_world();
}

std::unique_ptr<Communicator> place_on([[maybe_unused]] at::Device device,
                                       std::unique_ptr<Communicator> host) {
#ifdef SEMISEG_HAS_CUDA
  if (device.is_cuda() && host->size() > 1)
    return make_nccl_communicator(std::move(host), device.index());
#endif
  return host;
}

}  // namespace semiseg
