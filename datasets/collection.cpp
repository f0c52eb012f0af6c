// SPDX-License-Identifier: Apache-2.0
// Several data sets as one, each a task with classes of its own (VerSemi trains one network on
// all):
//
//   [dataset]
//   name = "collection"
//   [dataset.parts.heart]      # a data set with its options, like [dataset] itself
//   name = "cardiac_phantom"
//   [dataset.parts.abdomen]
//   name = "abdomen_phantom"
//
// Classes are one background and the foregrounds of the parts in their order, "heart/myocardium";
// cases keep their ids, patients become "heart/p01", and the part's name is the task.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <map>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/ignore_label.h"
#include "framework/data/dataset.h"

namespace semiseg::collection {
namespace {

struct Part {
  std::string name;
  std::unique_ptr<DatasetSource> source;
  int64_t first_class = 1;  // first class of its foreground in the collection
};

bool read_prefix(const Config& section) {
  bool has_prefix = false;
  section.read("prefix_ids", has_prefix,
               "Puts the name of the part in front of the ids of its cases: \"heart-p01_ed\". Set "
               "it where two parts name cases alike.");
  return has_prefix;
}

void read_collection(const Config& section) {
  read_prefix(section);
  const Config parts = section.section("parts");
  for (const std::string& name : parts.sections()) {
    const Config part = parts.section(name);
    part.renamed("name", DatasetRegistry::instance().renamed());
    const std::string dataset = part.required("name", "Registered name of the data set.");
    DatasetRegistry::instance().find(dataset).read_options(part);
  }
}

class Collection : public DatasetSource {
 public:
  explicit Collection(const Config& section) : section_(section) {
    const bool has_prefix = read_prefix(section);
    const Config parts = section.section("parts");
    for (const std::string& name : parts.sections()) add_part(name, parts.section(name));
    if (parts_.size() < 2) {
      section.fail("parts", "a collection joins at least two data sets",
                   "sections [dataset.parts.<name>], each with the name of a data set");
    }
    for (size_t part = 0; part < parts_.size(); ++part) add_cases(part, has_prefix);
  }

  const DatasetInfo& info() const override { return info_; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }

  Volume load(size_t case_index) const override {
    const auto& [part, index] = places_.at(case_index);
    Volume volume = parts_[part].source->load(index);
    volume.label = in_collection(volume.label, parts_[part]);
    volume.task = parts_[part].name;
    return volume;
  }

  Sample load_sample(const SampleInfo& sample) const override {
    const auto& [part, index] = places_.at(sample.case_index);
    Sample loaded = parts_[part].source->load_sample({index, sample.slice});
    loaded.label = in_collection(loaded.label, parts_[part]);
    return loaded;
  }

  std::vector<SampleInfo> training_samples(int spatial_dims) const override {
    std::vector<SampleInfo> samples;
    size_t first = 0;
    for (const Part& part : parts_) {
      for (SampleInfo sample : part.source->training_samples(spatial_dims)) {
        sample.case_index += first;
        samples.push_back(sample);
      }
      first += part.source->cases().size();
    }
    return samples;
  }

 private:
  void add_part(const std::string& name, const Config& section) {
    Part part{.name = name, .first_class = std::max<int64_t>(1, std::ssize(info_.classes))};
    part.source =
        DatasetRegistry::instance().find(section.required("name", "data set")).make(section);
    const DatasetInfo& info = part.source->info();
    if (parts_.empty()) {
      info_ = info;
      info_.name = "collection";
      info_.classes = {info.classes.at(0)};
      info_.tasks.clear();
    }
    info_.tasks.push_back(name);
    check_alike(name, "channels", info.channels, info_.channels);
    check_alike(name, "the axis of its slices", info.axial_axis, info_.axial_axis);
    for (size_t k = 1; k < info.classes.size(); ++k)
      info_.classes.push_back(name + "/" + info.classes[k]);
    info_.has_ignore_label = info_.has_ignore_label || info.has_ignore_label;
    info_.label_based_preparation = info_.label_based_preparation || info.label_based_preparation;
    if (info.preparation != info_.preparation) info_.preparation.clear();
    parts_.push_back(std::move(part));
  }

  void check_alike(const std::string& name, const char* what, int64_t found,
                   int64_t expected) const {
    if (found == expected) return;
    section_.fail("parts." + name, fmt::format("the data set differs from the others in {}", what),
                  fmt::format("{}, as in part '{}'", expected, parts_.front().name));
  }

  void add_cases(size_t part, bool has_prefix) {
    const Part& from = parts_[part];
    for (size_t i = 0; i < from.source->cases().size(); ++i) {
      CaseInfo one = from.source->cases()[i];
      if (has_prefix) one.id = from.name + "-" + one.id;
      one.patient = from.name + "/" + one.patient;
      one.task = from.name;
      const auto [owner, is_new] = owners_.emplace(one.id, from.name);
      if (!is_new) {
        throw Error(
            ErrorKind::kConfig,
            {.what = fmt::format("two data sets of the collection have a case '{}'", one.id),
             .where = fmt::format("parts '{}' and '{}'", owner->second, from.name),
             .fix = "set dataset.prefix_ids=true"});
      }
      cases_.push_back(std::move(one));
      places_.emplace_back(part, i);
    }
  }

  // Foreground values moved to the part's classes.
  static at::Tensor in_collection(const at::Tensor& label, const Part& part) {
    if (!label.defined() || part.first_class == 1) return label;
    const at::Tensor moved = at::where(label == 0, label, label + (part.first_class - 1));
    if (!part.source->info().has_ignore_label) return moved;
    return at::where(label == kIgnoreLabel, label, moved);
  }

  Config section_;
  std::vector<Part> parts_;
  DatasetInfo info_;
  std::vector<CaseInfo> cases_;
  std::vector<std::pair<size_t, size_t>> places_;  // part and index in it
  std::map<std::string, std::string> owners_;      // case id → part
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "collection",
     .summary = "Several data sets as one, each a task with classes of its own",
     .read_options = read_collection,
     .make = [](const Config& section) { return std::make_unique<Collection>(section); }});

}  // namespace
}  // namespace semiseg::collection
