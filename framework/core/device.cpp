// SPDX-License-Identifier: Apache-2.0
#include "framework/core/device.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>

#include "framework/core/error.h"

namespace semiseg {

int gpus_in_sight() { return at::hasCUDA() ? static_cast<int>(at::accelerator::deviceCount()) : 0; }

at::Device choose_device(std::string_view name, int index) {
  const int gpus = gpus_in_sight();
  if (name == "cpu" || (name == "auto" && gpus == 0)) return at::kCPU;
  SEMISEG_CHECK(name == "cuda" || name == "auto", "no device is called " + std::string(name));
  if (index >= gpus) {
    throw Error(
        ErrorKind::kConfig,
        {.what = "there is no GPU for this rank",
         .where = "device = \"" + std::string(name) + "\"",
         .expected = "a GPU for each rank of this machine, at least " + std::to_string(index + 1),
         .got = gpus == 0 && !at::hasCUDA() ? "a build without CUDA, or no driver"
                                            : std::to_string(gpus) + " GPUs",
         .fix = "start as many ranks as there are GPUs, or set device=cpu"});
  }
  const auto device = static_cast<c10::DeviceIndex>(index);
  at::accelerator::setDeviceIndex(device);
  return {at::kCUDA, device};
}

void use_repeatable_gpu_kernels(bool tf32) {
  at::Context& context = at::globalContext();
  context.setAllowTF32CuBLAS(tf32);
  context.setAllowTF32CuDNN(tf32);
  // Products of 16-bit numbers are summed in float32 within a layer.
  context.setAllowBF16ReductionCuBLAS(false);
  context.setAllowFP16ReductionCuBLAS(false);
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);
}

void wait_for(at::Device device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

int64_t peak_device_bytes(at::Device device) {
  if (device.is_cpu()) return 0;
  return at::accelerator::getDeviceStats(device.index()).allocated_bytes[0].peak;
}

}  // namespace semiseg
