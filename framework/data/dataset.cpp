// SPDX-License-Identifier: Apache-2.0
#include "framework/data/dataset.h"

namespace semiseg {

const char* to_string(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kVal:
      return "val";
    case Split::kTest:
      return "test";
  }
  return "train";
}

std::vector<SampleInfo> list_training_samples(const std::vector<CaseInfo>& cases, int spatial_dims,
                                              const std::function<int64_t(size_t)>& slices) {
  std::vector<SampleInfo> samples;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].split != Split::kTrain) continue;
    if (spatial_dims == 3) {
      samples.push_back({i, -1});
      continue;
    }
    const int64_t count = slices(i);
    for (int64_t slice = 0; slice < count; ++slice) samples.push_back({i, slice});
  }
  return samples;
}

}  // namespace semiseg
