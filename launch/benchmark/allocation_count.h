// SPDX-License-Identifier: Apache-2.0
// Counts the memory that tensors ask for on the processor, from its construction to its end. One at
// a time.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <atomic>
#include <cstdint>

namespace semiseg {

class AllocationCount : public c10::Allocator {
 public:
  AllocationCount() : original_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this); }
  ~AllocationCount() override { c10::SetCPUAllocator(original_); }
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;

  int64_t count() const { return count_; }
  int64_t bytes() const { return bytes_; }

  c10::DataPtr allocate(size_t size) override {
    ++count_;
    bytes_ += static_cast<int64_t>(size);
    return original_->allocate(size);
  }
  c10::DeleterFnPtr raw_deleter() const override { return original_->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t size) const override {
    default_copy_data(to, from, size);
  }

 private:
  c10::Allocator* original_;
  std::atomic<int64_t> count_ = 0, bytes_ = 0;
};

}  // namespace semiseg
