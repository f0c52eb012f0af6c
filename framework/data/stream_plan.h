// SPDX-License-Identifier: Apache-2.0
// Describes what each part of the batches of a stage draws.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace semiseg {

// The view that every stream has: the sample in its random geometry.
inline constexpr const char* kWeakView = "weak";

// One part of the global batch.
struct StreamPlan {
  std::string name;     // "labelled"; unique in its stage
  std::string pool;     // pool of the setting that it draws from
  int64_t samples = 0;  // samples of the global batch; 0: the stream is left out
  std::vector<std::string> views = {kWeakView};  // "weak" and views of [protocol.views]
};

inline int64_t batch_size(const std::vector<StreamPlan>& streams) {
  int64_t size = 0;
  for (const StreamPlan& stream : streams) size += stream.samples;
  return size;
}

}  // namespace semiseg
