// SPDX-License-Identifier: Apache-2.0
#include "cluster/check/peak_bytes.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "framework/core/error.h"

namespace semiseg::cluster {
namespace {

// LibTorch frees a block by its address alone, maybe after the measurement has ended.
struct Blocks {
  std::mutex mutex;
  std::unordered_map<void*, int64_t> sizes;
  int64_t live = 0, peak = 0;
  c10::DeleterFnPtr free = nullptr;
};

Blocks& blocks() {
  static Blocks all;
  return all;
}

// A block from before the measurement is not counted.
void release(void* block) {
  Blocks& all = blocks();
  {
    const std::lock_guard lock(all.mutex);
    if (const auto found = all.sizes.find(block); found != all.sizes.end()) {
      all.live -= found->second;
      all.sizes.erase(found);
    }
  }
  all.free(block);
}

}  // namespace

PeakBytes::PeakBytes() : original_(c10::GetCPUAllocator()) {
  Blocks& all = blocks();
  all.free = original_->raw_deleter();
  SEMISEG_CHECK(all.free != nullptr, "the processor's allocator frees by address");
  all.sizes.clear();
  all.live = all.peak = 0;
  c10::SetCPUAllocator(this);
}

PeakBytes::~PeakBytes() { c10::SetCPUAllocator(original_); }

int64_t PeakBytes::live() const {
  const std::lock_guard lock(blocks().mutex);
  return blocks().live;
}

int64_t PeakBytes::peak() const {
  const std::lock_guard lock(blocks().mutex);
  return blocks().peak;
}

void PeakBytes::reset_peak() {
  const std::lock_guard lock(blocks().mutex);
  blocks().peak = blocks().live;
}

c10::DataPtr PeakBytes::allocate(size_t size) {
  void* block = original_->raw_allocate(size);
  if (block != nullptr) {
    Blocks& all = blocks();
    const std::lock_guard lock(all.mutex);
    all.sizes[block] = static_cast<int64_t>(size);
    all.live += static_cast<int64_t>(size);
    all.peak = std::max(all.peak, all.live);
  }
  return {block, block, &release, c10::Device(c10::DeviceType::CPU)};
}

c10::DeleterFnPtr PeakBytes::raw_deleter() const { return &release; }

void PeakBytes::copy_data(void* to, const void* from, size_t size) const {
  default_copy_data(to, from, size);
}

}  // namespace semiseg::cluster
