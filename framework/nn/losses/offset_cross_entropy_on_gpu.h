// SPDX-License-Identifier: Apache-2.0
// The kernels of offset_cross_entropy_cuda.h on tensors. Only in builds with CUDA
// (SEMISEG_HAS_CUDA).
#pragma once

#include <ATen/Functions.h>
#include <c10/cuda/CUDAStream.h>

#include "framework/nn/losses/offset_cross_entropy_cuda.h"

namespace semiseg {

// The arguments of one call, and what must live until the kernels are queued. Logits dense.
template <class T>
class OffsetCrossEntropyOnGpu {
 public:
  OffsetCrossEntropyOnGpu(const at::Tensor& logits, const at::Tensor& label,
                          const at::Tensor& table, const at::Tensor& mask)
      : z_(logits.unsqueeze(-1).flatten(2)), label_(label.unsqueeze(-1).flatten(1)) {
    if (mask.defined()) mask_ = mask.unsqueeze(-1).flatten(1).to(z_.scalar_type()).contiguous();
    if (table.defined()) table_ = table.detach().to(z_.scalar_type()).contiguous();
  }

  // {Σ m ℓ, Σ m} float64.
  at::Tensor sums() const {
    const at::Tensor partial = at::empty({rows(), 2}, z_.options().dtype(at::kDouble));
    offset_cross_entropy_sums(pixels(), partial.mutable_data_ptr<double>(), stream());
    return partial.sum(0);
  }

  // Writes into `gradient`, in the layout of the logits, unless it is undefined. Returns the
  // table's gradient, float64 [C,C], if asked for.
  at::Tensor residual(const at::Tensor& scale, const at::Tensor& gradient, bool to_table) const {
    const int64_t classes = z_.size(1);
    at::Tensor partial;
    if (to_table) partial = at::empty({rows(), classes, classes}, z_.options().dtype(at::kDouble));
    offset_cross_entropy_residual(pixels(), scale.const_data_ptr<double>(),
                                  gradient.defined() ? gradient.mutable_data_ptr<T>() : nullptr,
                                  to_table ? partial.mutable_data_ptr<double>() : nullptr,
                                  stream());
    return to_table ? partial.sum(0) : at::Tensor();
  }

 private:
  int64_t rows() const { return gpu_rows(z_.size(0), z_.size(2)); }
  cudaStream_t stream() const { return c10::cuda::getCurrentCUDAStream(z_.device().index()); }
  GpuPixels<T> pixels() const {
    return {z_.size(0),
            z_.size(1),
            z_.size(2),
            z_.const_data_ptr<T>(),
            z_.stride(0),
            z_.stride(1),
            z_.stride(2),
            label_.const_data_ptr<int64_t>(),
            label_.stride(0),
            label_.stride(1),
            mask_.defined() ? mask_.const_data_ptr<T>() : nullptr,
            table_.defined() ? table_.const_data_ptr<T>() : nullptr};
  }

  at::Tensor z_, label_, mask_, table_;
};

}  // namespace semiseg
