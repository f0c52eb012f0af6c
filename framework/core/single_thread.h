// SPDX-License-Identifier: Apache-2.0
// Keeps background threads (loader, checkpoint writer) off the threads that train.
#pragma once

namespace semiseg {

// Makes every later at:: operation of the calling thread run on that thread alone, because the
// intra-op threads belong to the training. Other threads are not affected.
void run_operations_in_this_thread();

}  // namespace semiseg
