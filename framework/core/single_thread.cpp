// SPDX-License-Identifier: Apache-2.0
#include "framework/core/single_thread.h"

#include <ATen/Parallel.h>
#include <omp.h>

namespace semiseg {

void run_operations_in_this_thread() {
  at::get_num_threads();  // ATen's own first-use setting would undo the next line later
  omp_set_num_threads(1);
}

}  // namespace semiseg
