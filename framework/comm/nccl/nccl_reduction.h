// SPDX-License-Identifier: Apache-2.0
// A sum that NCCL makes beside other work, and what its communicator says of failed peers. Private to
// the nccl*.cpp files.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "framework/comm/communicator.h"
#include "framework/comm/nccl/cuda_event.h"
#include "framework/comm/nccl/nccl_call.h"

namespace semiseg {

// Throws when a peer or the network failed since the last call.
inline void check_peers(ncclComm_t comm, const GpuWhere& at) {
  ncclResult_t state = ncclSuccess;
  SEMISEG_GPU(ncclCommGetAsyncError(comm, &state), at);
  check_gpu_call(state, at, "no failure of a peer since the last call", __FILE__, __LINE__);
}

// Why the communicator can do no more, for the watchdog, which must not throw; empty: it can.
inline std::string failure_of(ncclComm_t comm) {
  ncclResult_t state = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(comm, &state);
  if (asked != ncclSuccess) state = asked;
  if (state == ncclSuccess || state == ncclInProgress) return "";
  return fmt::format("{}; {}", ncclGetErrorString(state), ncclGetLastError(comm));
}

class NcclReduction : public PendingReduction {
 public:
  NcclReduction(at::Tensor buffer, at::Tensor target, ncclComm_t comm, cudaStream_t stream,
                int rank, std::string_view name)
      : buffer_(std::move(buffer)),
        target_(std::move(target)),
        comm_(comm),
        rank_(rank),
        name_(name),
        done_(where()) {
    done_.record(stream, where());
  }

  // An exception may have skipped wait(): the memory must outlive the kernel that adds into it.
  ~NcclReduction() override {
    if (!waited_) done_.hold_noexcept(c10::cuda::getCurrentCUDAStream(buffer_.get_device()));
  }

  void wait() override {
    const c10::cuda::CUDAGuard guard(buffer_.device());
    done_.hold(c10::cuda::getCurrentCUDAStream(), where());
    waited_ = true;
    if (!buffer_.is_same(target_)) target_.copy_(buffer_);
  }

  bool advance() override {
    if (done_.reached(where())) return true;
    check_peers(comm_, where());
    return false;
  }

 private:
  GpuWhere where() const { return {rank_, name_}; }

  at::Tensor buffer_, target_;
  ncclComm_t comm_;
  int rank_;
  std::string name_;
  CudaEvent done_;
  bool waited_ = false;
};

}  // namespace semiseg
