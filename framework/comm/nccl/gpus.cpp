// SPDX-License-Identifier: Apache-2.0
// The GPUs of this process: whether they are there, which they are, and what records say of them.
#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "framework/comm/backends.h"
#include "framework/comm/nccl/nccl_call.h"
#include "framework/core/error.h"

namespace semiseg {

void check_gpus(int device, int rank) {
  const GpuWhere at{rank, "start"};
  int devices = 0, version = 0;
  SEMISEG_GPU(cudaGetDeviceCount(&devices), at);
  SEMISEG_GPU(ncclGetVersion(&version), at);
  if (device < 0 || device >= devices) {
    throw Error(
        ErrorKind::kRank,
        {.what = "a rank has no GPU of its own",
         .where = fmt::format("rank {}", at.rank),
         .expected = fmt::format("cuda:{}", device),
         .got = fmt::format("{} devices in sight", devices),
         .fix =
             "start at most one rank a GPU on each machine; CUDA_VISIBLE_DEVICES may hide some"});
  }
  if (version < NCCL_VERSION_CODE) {
    throw Error(ErrorKind::kRank,
                {.what = "an older NCCL was loaded than was compiled in",
                 .where = fmt::format("rank {}", at.rank),
                 .expected = fmt::format("{} or newer", NCCL_VERSION_CODE),
                 .got = fmt::format("{}", version),
                 .fix = "take the folder of the older libnccl.so.2 out of LD_LIBRARY_PATH"});
  }
}

GpuPlace gpu_place(int device) {
  char address[64] = "", host[256] = "";
  SEMISEG_GPU(cudaDeviceGetPCIBusId(address, sizeof address, device), (GpuWhere{0, "start"}));
  gethostname(host, sizeof host - 1);
  const char* other_host = std::getenv("NCCL_HOSTID");
  return {.host = other_host ? other_host : host, .gpu = address};
}

std::string describe_gpu(int device) {
  const GpuWhere at{0, "start"};
  cudaDeviceProp properties = {};
  int driver = 0, runtime = 0, nccl = 0;
  SEMISEG_GPU(cudaGetDeviceProperties(&properties, device), at);
  SEMISEG_GPU(cudaDriverGetVersion(&driver), at);
  SEMISEG_GPU(cudaRuntimeGetVersion(&runtime), at);
  SEMISEG_GPU(ncclGetVersion(&nccl), at);
  return fmt::format("{}, driver for CUDA {}.{}, CUDA {}.{}, NCCL {}.{}.{}", properties.name,
                     driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10,
                     nccl / 10000, nccl % 10000 / 100, nccl % 100);
}

}  // namespace semiseg
