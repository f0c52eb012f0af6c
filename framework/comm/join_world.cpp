// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/communicator.h"
#include "framework/comm/launch_environment.h"
#include "framework/comm/mpi.h"

namespace semiseg {

std::unique_ptr<Communicator> join_world(const std::map<std::string, std::string>& variables) {
  if (LaunchEnvironment::read(variables).size == 1) return make_serial_communicator();
  return join_mpi_world();
}

}  // namespace semiseg
