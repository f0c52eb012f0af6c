// SPDX-License-Identifier: Apache-2.0
// A data set in memory of 24 patients, two domains and two tasks: slices or volumes of blocks.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <string>
#include <vector>

#include "framework/data/dataset.h"

namespace semiseg {

class TwoDomains : public DatasetSource {
 public:
  TwoDomains(int64_t axes, int64_t classes) : axes_(axes), classes_(classes) {
    for (int i = 0; i < 24; ++i) {
      cases_.push_back({.id = "scan" + std::to_string(i),
                        .patient = std::to_string(i),
                        .domain = i % 2 == 0 ? "north" : "south",
                        .task = i % 3 == 0 ? "heart" : "liver"});
    }
  }

  const DatasetInfo& info() const override { return info_; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  Volume load(size_t) const override { return {}; }
  std::vector<SampleInfo> training_samples(int dims) const override {
    return list_training_samples(cases_, dims, [](size_t) { return 1; });
  }
  Sample load_sample(const SampleInfo& sample) const override {
    const auto patient = static_cast<int64_t>(sample.case_index);
    std::vector<int64_t> sizes(static_cast<size_t>(axes_), 40);
    at::Tensor label = at::zeros(sizes, at::kByte);
    for (int64_t k = 1; k < classes_; ++k)
      label.slice(0, 8 * k, 8 * k + 8).slice(1, patient, patient + 12).fill_(k);
    const double gain = patient % 2 == 0 ? 0.3 : 0.2;
    return {(gain * label.to(at::kFloat) + 0.01 * static_cast<double>(patient)).unsqueeze(0),
            label};
  }

 private:
  int64_t axes_, classes_;
  DatasetInfo info_;
  std::vector<CaseInfo> cases_;
};

}  // namespace semiseg
