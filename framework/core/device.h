// SPDX-License-Identifier: Apache-2.0
// The device of the tensors of networks, and the exactness of its arithmetic.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <string_view>

namespace semiseg {

// Returns the number of GPUs visible to this process; 0 in a build without CUDA.
int gpus_in_sight();

// Returns the device for "cpu", "cuda" (the visible GPU `index`, which becomes the calling thread's
// current device) or "auto" (that GPU if any is visible, else the CPU). Throws kConfig when a GPU
// is asked for and there is none of that index.
at::Device choose_device(std::string_view name, int index);

// Selects deterministic GPU kernels for the whole process. float32 products keep all their bits or,
// if `tf32`, the 10 bits of TensorFloat-32. Has no effect on the CPU.
void use_repeatable_gpu_kernels(bool tf32);

// Synchronises with the device, so that times can be taken; returns at once on the CPU.
void wait_for(at::Device device);

// Returns the peak number of bytes that tensors on the device have held; 0 on the CPU.
int64_t peak_device_bytes(at::Device device);

}  // namespace semiseg
