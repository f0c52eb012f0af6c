// SPDX-License-Identifier: Apache-2.0
// A data set in memory that counts what is decoded and fails on demand.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/data/dataset.h"

namespace semiseg {

// Ten patients of one slice each, the first four labelled: label = patient + 1 everywhere, image =
// patient / 10 with a gradient. The unlabelled ones carry a label too, which must not be used.
class FakeSource : public DatasetSource {
 public:
  explicit FakeSource(int64_t side = 20) : side_(side), decoded_(10) {
    for (int i = 0; i < 10; ++i)
      cases_.push_back({.id = "scan" + std::to_string(i), .patient = std::to_string(i)});
  }

  const DatasetInfo& info() const override { return info_; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  Volume load(size_t) const override { throw std::logic_error("the loader loads no volumes"); }

  std::vector<SampleInfo> training_samples(int) const override {
    std::vector<SampleInfo> samples;
    for (size_t i = 0; i < cases_.size(); ++i) samples.push_back({i, 3});
    return samples;
  }

  Sample load_sample(const SampleInfo& sample) const override {
    const auto patient = static_cast<int64_t>(sample.case_index);
    ++decoded_[sample.case_index];
    if (patient == broken_) throw Error(ErrorKind::kData, {.what = "bad file", .where = "scan.h5"});
    if (patient == odd_) throw std::runtime_error("no such thing");
    const at::Tensor image =
        at::arange(side_ * (side_ + 4), at::kFloat).reshape({1, side_, side_ + 4}) * 1e-3;
    at::Tensor label;
    if (patient != without_label_) label = at::full({side_, side_ + 4}, patient + 1, at::kByte);
    return {image + 0.1 * static_cast<double>(patient), label};
  }

  int64_t broken_ = -1, odd_ = -1, without_label_ = -1;
  int decoded(size_t patient) const { return decoded_[patient]; }

 private:
  int64_t side_;
  DatasetInfo info_;
  std::vector<CaseInfo> cases_;
  mutable std::vector<std::atomic<int>> decoded_;
};

}  // namespace semiseg
