// SPDX-License-Identifier: Apache-2.0
#include "framework/data/dataset.h"

#include <algorithm>

namespace semiseg {
namespace {

std::vector<std::string> distinct(const std::vector<CaseInfo>& cases,
                                  const std::string CaseInfo::*field) {
  std::vector<std::string> names;
  for (const CaseInfo& one : cases) {
    if (std::find(names.begin(), names.end(), one.*field) == names.end())
      names.push_back(one.*field);
  }
  return names;
}

}  // namespace

const char* to_string(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kVal:
      return "val";
    case Split::kTest:
      return "test";
    case Split::kUnused:
      return "unused";
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

std::vector<std::string> domains_of(const std::vector<CaseInfo>& cases) {
  return distinct(cases, &CaseInfo::domain);
}

std::vector<std::string> tasks_of(const std::vector<CaseInfo>& cases) {
  return distinct(cases, &CaseInfo::task);
}

}  // namespace semiseg
