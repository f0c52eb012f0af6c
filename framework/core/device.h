// SPDX-License-Identifier: Apache-2.0
// Where the tensors of networks live, and how exactly that device computes.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <string_view>

namespace semiseg {

// That this process may use; 0 in a build without CUDA.
int gpus_in_sight();

// "cpu"; "cuda": the GPU `index` of those in sight, which becomes the calling thread's; "auto":
// that if there are any, else the CPU. kConfig when a GPU is asked for and there is none of that
// index.
at::Device choose_device(std::string_view name, int index);

// Kernels that repeat their bits on a GPU; float32 products with all their bits or, if `tf32`, with
// the 10 of TensorFloat-32. Of the whole process; without effect on the CPU.
void use_repeatable_gpu_kernels(bool tf32);

// Returns when the device has done all that it was given; at once on the CPU. For clocks.
void wait_for(at::Device device);

// Most bytes that tensors on the device held at a time since the start; 0 on the CPU.
int64_t peak_device_bytes(at::Device device);

}  // namespace semiseg
