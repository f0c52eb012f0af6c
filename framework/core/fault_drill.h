// SPDX-License-Identifier: Apache-2.0
// Injects faults on demand, to show that a run survives them: in the tests, and on a new machine
// before long trainings.
#pragma once

#include <cstdint>
#include <string>

namespace semiseg {

// SEMISEG_FAULT="<kind>:<rank>:<step>" in the environment, or several of them with commas between,
// makes one rank, after this many steps of the training:
//   throw  fail with an exception        oom   ask for more memory than there is
//   kill   die by SIGKILL                stop  be suspended (SIGSTOP)
//   spin   compute for ever              usr2  get SIGUSR2
//   disk   find the disk full from then on at the n-th call that writes: "disk:<rank>:<n>"
// Call it at the start and once a step. Throws kConfig when the variable cannot be parsed.
void fault_drill(int rank, int64_t step);

}  // namespace semiseg
