// SPDX-License-Identifier: Apache-2.0
// Every call of NCCL and CUDA goes through SEMISEG_GPU: a failure becomes an Error with expression,
// place, rank and host.
#pragma once

#include <c10/core/ScalarType.h>
#include <cuda_runtime_api.h>
#include <nccl.h>

#include <string_view>

namespace semiseg {

// The rank and the tensor of the call that is checked.
struct GpuWhere {
  int rank;
  std::string_view name;  // name of the tensor
};

// Returns NCCL's type. Throws kInternal for a dtype that is never sent.
ncclDataType_t nccl_type(at::ScalarType type);

// Throws kRank unless the device is there and the NCCL that was loaded is as new as the header.
void check_gpus(int device, int rank);

// Throw kRank unless `code` says success. Behind SEMISEG_GPU.
void check_gpu_call(ncclResult_t code, const GpuWhere& at, const char* expression, const char* file,
                    int line);
void check_gpu_call(cudaError_t code, const GpuWhere& at, const char* expression, const char* file,
                    int line);

}  // namespace semiseg

#define SEMISEG_GPU(call, at) ::semiseg::check_gpu_call((call), (at), #call, __FILE__, __LINE__)
