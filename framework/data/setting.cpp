// SPDX-License-Identifier: Apache-2.0
#include "framework/data/setting.h"

#include <utility>

#include "framework/core/error.h"

namespace semiseg {

std::vector<Split> Setting::splits(const std::vector<CaseInfo>& cases) const {
  std::vector<Split> splits;
  for (const CaseInfo& one : cases) splits.push_back(one.split);
  return splits;
}

namespace {

class ResplitDataset : public DatasetSource {
 public:
  ResplitDataset(std::unique_ptr<DatasetSource> source, const std::vector<Split>& splits)
      : source_(std::move(source)), cases_(source_->cases()) {
    SEMISEG_CHECK(splits.size() == cases_.size(), "a setting gives each case a split");
    for (size_t i = 0; i < cases_.size(); ++i) {
      SEMISEG_CHECK(splits[i] != Split::kTrain || cases_[i].split == Split::kTrain,
                    "a setting moves no case into the training split");
      cases_[i].split = splits[i];
    }
  }

  const DatasetInfo& info() const override { return source_->info(); }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  Volume load(size_t case_index) const override { return source_->load(case_index); }
  Sample load_sample(const SampleInfo& sample) const override {
    return source_->load_sample(sample);
  }
  std::vector<SampleInfo> training_samples(int spatial_dims) const override {
    std::vector<SampleInfo> samples = source_->training_samples(spatial_dims);
    std::erase_if(samples, [this](const SampleInfo& sample) {
      return cases_[sample.case_index].split != Split::kTrain;
    });
    return samples;
  }

 private:
  std::unique_ptr<DatasetSource> source_;
  std::vector<CaseInfo> cases_;
};

}  // namespace

std::unique_ptr<DatasetSource> with_splits(std::unique_ptr<DatasetSource> source,
                                           const std::vector<Split>& splits) {
  return std::make_unique<ResplitDataset>(std::move(source), splits);
}

}  // namespace semiseg
