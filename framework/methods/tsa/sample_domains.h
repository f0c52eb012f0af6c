// SPDX-License-Identifier: Apache-2.0
// The domains of a batch's samples: for pixels that are known by their sample.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

#include "framework/data/batch.h"
#include "framework/methods/parts/networks/teacher_student.h"

namespace semiseg {

// Stream::domain of all streams of this rank's batch that have it.
class SampleDomains {
 public:
  explicit SampleDomains(const Batch& batch);

  // Returns int64 [N] on the CPU. Throws kInternal for a sample without one.
  at::Tensor of(const SampleIds& samples) const;

  // Returns the logits and labels of the pixels, each with the table of its sample's domain; tables
  // [D] of [C,C]. Consecutive samples of one domain stay together; nothing is copied.
  std::vector<LabelledLogits> with_tables(const std::vector<ClassPixels>& parts,
                                          const std::vector<at::Tensor>& tables) const;

 private:
  int64_t of(int64_t sample) const;

  std::map<int64_t, int64_t> domains_;
};

}  // namespace semiseg
