// SPDX-License-Identifier: Apache-2.0
// Orders the work of streams without making the host wait. Private to the nccl*.cpp files.
#pragma once

#include <cuda_runtime_api.h>

#include "framework/comm/nccl/nccl_call.h"

namespace semiseg {

// An event in the work of a stream.
class CudaEvent {
 public:
  explicit CudaEvent(const GpuWhere& at) {
    SEMISEG_GPU(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), at);
  }
  ~CudaEvent() { cudaEventDestroy(event_); }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  // Makes `later` wait for the work queued on `earlier` so far; the host does not wait.
  void order(cudaStream_t earlier, cudaStream_t later, const GpuWhere& at) const {
    record(earlier, at);
    hold(later, at);
  }
  void record(cudaStream_t stream, const GpuWhere& at) const {
    SEMISEG_GPU(cudaEventRecord(event_, stream), at);
  }
  void hold(cudaStream_t stream, const GpuWhere& at) const {
    SEMISEG_GPU(cudaStreamWaitEvent(stream, event_, /*flags=*/0), at);
  }
  void hold_noexcept(cudaStream_t stream) const noexcept {
    cudaStreamWaitEvent(stream, event_, /*flags=*/0);
  }
  bool reached(const GpuWhere& at) const {
    const cudaError_t state = cudaEventQuery(event_);
    if (state == cudaErrorNotReady) {
      cudaGetLastError();
      return false;
    }
    SEMISEG_GPU(state, at);
    return true;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace semiseg
