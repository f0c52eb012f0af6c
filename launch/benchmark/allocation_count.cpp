// SPDX-License-Identifier: Apache-2.0
#include "launch/benchmark/allocation_count.h"

#include <c10/core/CPUAllocator.h>

namespace semiseg {

AllocationCount::AllocationCount() : original_(c10::GetCPUAllocator()) {
  c10::SetCPUAllocator(this);
}

AllocationCount::~AllocationCount() { c10::SetCPUAllocator(original_); }

c10::DataPtr AllocationCount::allocate(size_t size) {
  ++count_;
  bytes_ += static_cast<int64_t>(size);
  return original_->allocate(size);
}

void AllocationCount::copy_data(void* to, const void* from, size_t size) const {
  default_copy_data(to, from, size);
}

}  // namespace semiseg
