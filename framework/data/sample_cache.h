// SPDX-License-Identifier: Apache-2.0
// Decoded training samples in memory, up to a bound. Shared by the loaders of all stages.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

// Thread-safe. The first samples stay until the end: sampling is uniform, so evicting the oldest
// would only cost copies. A sample that fits is decoded once, also when several threads ask for it
// at the same time.
class SampleCache {
 public:
  // Returns the features of a sample with this image; thread-safe. They count as decoded.
  using LoadFeatures = std::function<at::Tensor(const SampleInfo& sample, const at::Tensor& image)>;

  // `source` must outlive the cache. capacity_mb 0: nothing is kept. Without `features` samples have
  // none.
  SampleCache(const DatasetSource& source, std::vector<SampleInfo> samples, int64_t capacity_mb,
              LoadFeatures features = {});

  // Returns image and features float32 and label uint8 (undefined where there is none), contiguous,
  // on the CPU. The tensors are shared: do not write to them. An exception of the source is rethrown with the
  // sample's name; nothing is cached then.
  Sample get(size_t index);

  // "patient001_frame01, slice 3"
  std::string name(size_t index) const;
  // Returns the index of its case's domain (task) in domains_of() (tasks_of()), dataset.h.
  int64_t domain(size_t index) const { return domains_.at(index); }
  int64_t task(size_t index) const { return tasks_.at(index); }
  size_t size() const { return samples_.size(); }
  int64_t bytes() const;  // bytes cached now

 private:
  Sample decode(size_t index) const;

  struct Entry {
    enum class State { kAbsent, kDecoding, kPresent } state = State::kAbsent;
    Sample sample;
  };

  const DatasetSource& source_;
  const LoadFeatures features_;
  const std::vector<SampleInfo> samples_;
  std::vector<int64_t> domains_, tasks_;
  const int64_t capacity_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable decoded_;
  std::vector<Entry> entries_;
  int64_t bytes_ = 0;
};

}  // namespace semiseg
