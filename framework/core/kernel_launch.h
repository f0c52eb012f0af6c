// SPDX-License-Identifier: Apache-2.0
// Checks that CUDA took a kernel. A launch that it refuses (too many threads or too much shared
// memory for the device, no code for its generation) would leave the kernel's output as it was, and
// the next call of CUDA would be blamed.
#pragma once

#include <cuda_runtime_api.h>

#include "framework/core/error.h"

namespace semiseg {

// Call it right behind the launch. Throws kRank naming the kernel.
inline void check_launch(const char* kernel) {
  const cudaError_t code = cudaGetLastError();
  if (code == cudaSuccess) return;
  ErrorParts parts;
  parts.what = std::string("CUDA did not start a kernel: ") + cudaGetErrorString(code);
  parts.where = kernel;
  parts.got = cudaGetErrorName(code);
  parts.fix = "an earlier kernel may have failed: CUDA_LAUNCH_BLOCKING=1 shows where";
  throw Error(ErrorKind::kRank, parts);
}

}  // namespace semiseg
