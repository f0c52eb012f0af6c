// SPDX-License-Identifier: Apache-2.0
// The leak drill: with noise in the place of every label that a method must not see, a training
// gives the same bits.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "framework/config/compose.h"
#include "framework/data/label_budget.h"
#include "framework/data/setting.h"
#include "launch/conformance/checks.h"
#include "launch/conformance/short_training.h"
#include "launch/conformance/state_difference.h"
#include "launch/conformance/two_domains.h"

namespace semiseg {
namespace {

// Patients whose labels are intact; none: all are. One for the process, so that a plug-in that
// opens the data set for itself meets the same noise.
std::optional<std::set<std::string>>& patients_with_labels() {
  static std::optional<std::set<std::string>> patients;
  return patients;
}

// TwoDomains with two patients for validation and two for test. Four patients have the eight slices
// of a batch of labelled samples alone.
class DrilledCases : public DatasetSource {
 public:
  DrilledCases(int64_t axes, int64_t classes)
      : axes_(axes), classes_(classes), source_(axes, classes), cases_(source_.cases()) {
    for (size_t i = 20; i < cases_.size(); ++i)
      cases_[i].split = i < 22 ? Split::kVal : Split::kTest;
  }
  const DatasetInfo& info() const override { return source_.info(); }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  Volume load(size_t i) const override {
    const Sample sample = load_sample({.case_index = i});
    const bool is_slice = axes_ == 2;
    return {.image = is_slice ? sample.image.unsqueeze(1) : sample.image,
            .label = is_slice ? sample.label.unsqueeze(0) : sample.label};
  }
  std::vector<SampleInfo> training_samples(int dims) const override {
    return list_training_samples(cases_, dims, [](size_t) { return 2; });
  }
  Sample load_sample(const SampleInfo& info) const override {
    Sample sample = source_.load_sample(info);
    const CaseInfo& one = cases_[info.case_index];
    const auto& kept = patients_with_labels();
    if (kept && one.split != Split::kVal && !kept->contains(one.patient))
      sample.label = Draws(11).integers(one.id, sample.label.sizes(), 0, classes_).to(at::kByte);
    return sample;
  }

 private:
  int64_t axes_, classes_;
  TwoDomains source_;
  std::vector<CaseInfo> cases_;
};

void register_cases() {
  static const bool is_registered = DatasetRegistry::instance().add(
      {.name = "test_leak_drill",
       .summary = "the cases of the leak drill",
       .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
         int64_t axes = 2, classes = 3;
         section.read("axes", axes, {2, 3}, "Axes of the images.");
         section.read("classes", classes, {2, 255}, "Classes, background included.");
         return std::make_unique<DrilledCases>(axes, classes);
       }});
  static_cast<void>(is_registered);
}

// Every setting finds its options here and leaves the others alone.
const char* const kSettingOptions =
    "source = 'north'\ntarget = 'south'\nlabelled_domain = 'north'\nleft_out = 'south'\n";

// How sure the deployed network is of the labels of the validation cases.
double score_of(Predictor& predictor, const DatasetSource& source, const MethodSetup& setup) {
  const bool is_slice = setup.patch_size.size() == 2;
  double score = 0;
  for (size_t i = 0; i < source.cases().size(); ++i) {
    if (source.cases()[i].split != Split::kVal) continue;
    const Volume volume = source.load(i);
    const at::Tensor image =
        (is_slice ? volume.image.transpose(0, 1) : volume.image.unsqueeze(0)).to(setup.dtype);
    // Sides that every network divides.
    at::Tensor logits = predictor.predict(image.slice(-1, 0, 32).slice(-2, 0, 32).slice(2, 0, 32));
    at::Tensor label = is_slice ? volume.label : volume.label.unsqueeze(0);
    label = label.slice(-1, 0, 32).slice(-2, 0, 32).slice(1, 0, 32).to(at::kLong).unsqueeze(1);
    score += logits.to(at::kDouble).log_softmax(1).gather(1, label).mean().item<double>();
  }
  return score;
}

MemoryRecords train_with(const MethodOnImages& method, const DatasetSource& source,
                         const Pools& pools) {
  constexpr int64_t kToTheEnd = 1000;
  MemoryRecords records;
  train_short(method, SmallLoaders(method, source, pools), records, kToTheEnd,
              [&](Predictor& p) { return score_of(p, source, method.setup()); });
  return records;
}

// Trains in one setting with labels and with noise.
Findings leaks_in(const MethodOnImages& method, const SettingEntry& entry) {
  const Config section = parse_config(kSettingOptions);
  const auto setting = entry.make(section, method.axes == 2 ? "4" : "8");
  auto cases = std::make_unique<DrilledCases>(method.axes, method.setup().classes);
  const std::vector<Split> splits = setting->splits(cases->cases());
  const auto source = with_splits(std::move(cases), splits);
  const Pools pools =
      setting->pools(source->training_samples(static_cast<int>(method.axes)), source->cases());
  patients_with_labels().reset();
  const MemoryRecords clean = train_with(method, *source, pools);
  patients_with_labels() =
      std::set<std::string>(pools.labelled_patients.begin(), pools.labelled_patients.end());
  const MemoryRecords noisy = train_with(method, *source, pools);
  patients_with_labels().reset();
  Findings findings;
  const auto names = differing_entries(clean.journal.newest.value(), noisy.journal.newest.value());
  if (!names.empty()) {
    findings.push_back(
        fmt::format("in the setting {} these depend on labels outside the labelled patients: {}",
                    entry.name, fmt::join(names, ", ")));
  }
  if (clean.display.scores != noisy.display.scores)
    findings.push_back(fmt::format("in the setting {} the validation depends on them", entry.name));
  return findings;
}

}  // namespace

Findings check_leaks(const MethodOnImages& method) {
  register_cases();
  Findings findings;
  for (const std::string& name : SettingRegistry::instance().names()) {
    for (std::string& finding : leaks_in(method, SettingRegistry::instance().find(name)))
      findings.push_back(std::move(finding));
    if (method.axes == 3) break;  // one setting: volumes take long, and the loader is the same
  }
  return findings;
}

}  // namespace semiseg
