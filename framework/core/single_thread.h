// SPDX-License-Identifier: Apache-2.0
// Threads beside the training (loader, checkpoint writer) keep to themselves.
#pragma once

namespace semiseg {

// Every at:: operation of the calling thread runs in it alone, from now on: the threads of the
// arithmetic are the training's. Other threads are not touched.
void run_operations_in_this_thread();

}  // namespace semiseg
