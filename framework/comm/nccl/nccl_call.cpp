// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/nccl/nccl_call.h"

#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "framework/core/error.h"

namespace semiseg {
namespace {

[[noreturn]] void fail(const std::string& problem, const char* fix, const GpuWhere& at,
                       const char* expression, const char* file, int line) {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  throw Error(ErrorKind::kRank,
              {.what = problem,
               .where = fmt::format("rank {} on {}, {}, {}:{}", at.rank, host, at.name, file, line),
               .expected = expression,
               .fix = fix});
}

}  // namespace

ncclDataType_t nccl_type(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return ncclFloat64;
    case at::kFloat:
      return ncclFloat32;
    case at::kBFloat16:
      return ncclBfloat16;
    case at::kHalf:
      return ncclFloat16;
    case at::kLong:
      return ncclInt64;
    case at::kInt:
      return ncclInt32;
    case at::kByte:
    case at::kBool:
      return ncclUint8;
    default:
      fail_check("a dtype that ranks exchange", __FILE__, __LINE__, std::string(toString(type)));
  }
}

void check_gpu_call(ncclResult_t code, const GpuWhere& at, const char* expression, const char* file,
                    int line) {
  if (code == ncclSuccess) return;
  const char* detail = ncclGetLastError(/*comm=*/nullptr);
  fail(fmt::format("a call of NCCL failed: {}{}{}", ncclGetErrorString(code), *detail ? "; " : "",
                   detail),
       "another rank may have failed first: see its message; NCCL_DEBUG=WARN says more", at,
       expression, file, line);
}

void check_gpu_call(cudaError_t code, const GpuWhere& at, const char* expression, const char* file,
                    int line) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // else LibTorch reports it a second time
  fail(fmt::format("a call of CUDA failed: {} ({})", cudaGetErrorString(code),
                   cudaGetErrorName(code)),
       "nvidia-smi says which GPUs this machine has and whether its driver answers", at, expression,
       file, line);
}

}  // namespace semiseg
