// SPDX-License-Identifier: Apache-2.0
// Counts the memory that tensors ask for on the processor, from its construction to its end. One at
// a time.
#pragma once

#include <c10/core/Allocator.h>

#include <atomic>
#include <cstdint>

namespace semiseg {

class AllocationCount : public c10::Allocator {
 public:
  AllocationCount();
  ~AllocationCount() override;
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;

  int64_t count() const { return count_; }
  int64_t bytes() const { return bytes_; }

  c10::DataPtr allocate(size_t size) override;
  c10::DeleterFnPtr raw_deleter() const override { return original_->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t size) const override;

 private:
  c10::Allocator* original_;
  std::atomic<int64_t> count_ = 0, bytes_ = 0;
};

}  // namespace semiseg
