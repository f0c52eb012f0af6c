// SPDX-License-Identifier: Apache-2.0
// The world of a test that runs under mpirun.
#pragma once

#include "framework/comm/communicator.h"

namespace semiseg {

// Serial when the binary was started alone.
Communicator& ranks();

}  // namespace semiseg
