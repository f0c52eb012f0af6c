// SPDX-License-Identifier: Apache-2.0
// Measures how much memory tensors on the processor hold, and the scratch memory of oneDNN that
// LibTorch allocates, from its construction to its end. One at a time.
#pragma once

#include <c10/core/Allocator.h>

#include <cstdint>

namespace semiseg::cluster {

class PeakBytes : public c10::Allocator {
 public:
  PeakBytes();
  ~PeakBytes() override;
  PeakBytes(const PeakBytes&) = delete;
  PeakBytes& operator=(const PeakBytes&) = delete;

  int64_t live() const;
  int64_t peak() const;
  void reset_peak();

  c10::DataPtr allocate(size_t size) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, const void* from, size_t size) const override;

 private:
  c10::Allocator* original_;
};

}  // namespace semiseg::cluster
