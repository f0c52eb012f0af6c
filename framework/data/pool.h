// SPDX-License-Identifier: Apache-2.0
// The pools of training samples that streams draw from. A setting makes them (setting.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

struct Pool {
  std::string name;
  bool has_labels = false;      // false: the ground truth of its samples is never read
  std::vector<size_t> members;  // indices into Pools::samples
};

struct Pools {
  std::vector<SampleInfo> samples;  // everything that some pool draws from
  std::vector<Pool> pools;
  std::vector<std::string> labelled_patients;  // in published order
  std::string labelled_hash;  // xxh3 of the labelled patients, 16 hexadecimal digits

  // Throws kConfig, with the names of the pools, for an unknown one.
  const Pool& find(std::string_view name) const;
};

// Returns the number of voxels of each class in the ground truth of a pool: all its samples, whole,
// before crops and augmentation. Reads every sample. Throws kConfig for a pool whose ground truth is
// never read.
std::vector<int64_t> class_voxels(const DatasetSource& source, const Pools& pools,
                                  std::string_view pool);

// Returns a pool of all samples [first, last).
Pool pool_of_range(std::string name, bool has_labels, size_t first, size_t last);

}  // namespace semiseg
