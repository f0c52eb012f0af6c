// SPDX-License-Identifier: Apache-2.0
// ACDC (Bernard et al., IEEE TMI 2018) in the layout of HiLab-git/SSL4MIS, read in place:
//   <root>/data/slices/patientXXX_frameYY_slice_Z.h5    2-D training, image and label [H,W]
//   <root>/data/patientXXX_frameYY.h5                   whole volumes, image and label [D,H,W]
//   train_slices.list, train.list, val.list, test.list  in <root> or the folder above it,
//                                                       one file stem a line
// The published order is that of train_slices.list. Images in the files are already min-max
// normalised. The files lack the spacing, so distances are in voxels.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/data/archive/case_checks.h"
#include "framework/data/archive/case_list.h"
#include "framework/data/dataset.h"
#include "framework/files/hdf5_file.h"

namespace semiseg::acdc {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string what, std::string where, std::string expected, std::string got,
                       std::string fix = "") {
  throw Error(ErrorKind::kData, {std::move(what), std::move(where), std::move(expected),
                                 std::move(got), std::move(fix)});
}

fs::path find_list(const fs::path& root, const std::string& name) {
  return find_case_list(root, name, "ACDC",
                        "copy the lists of SSL4MIS (data/ACDC) beside the data");
}

std::set<std::string> stems_in(const fs::path& folder) {
  std::set<std::string> stems;
  if (!fs::is_directory(folder)) {
    fail("a folder of ACDC is missing", folder.string(), "a folder of .h5 files", "no such folder",
         "set dataset.root to the folder that holds data/");
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".h5") stems.insert(entry.path().stem().string());
  }
  return stems;
}

class Acdc : public DatasetSource {
 public:
  explicit Acdc(fs::path root) : root_(std::move(root)) {
    info_ = {.name = "acdc",
             .classes = {"background", "right_ventricle", "myocardium", "left_ventricle"},
             .preparation = "orientation=stored normalise=minmax"};
    if (!fs::is_directory(root_)) {
      fail("the folder of ACDC is missing", root_.string(), "a folder with data/ and the lists",
           "no such folder", "set dataset.root");
    }
    read_volumes();
    read_slices();
    check_cases(cases_, root_);
  }

  const DatasetInfo& info() const override { return info_; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }

  Volume load(size_t case_index) const override {
    const fs::path path = root_ / "data" / (cases_.at(case_index).id + ".h5");
    const Hdf5File file = Hdf5File::open(path);
    Volume volume;
    volume.image = file.read("image").to(at::kFloat).unsqueeze(0);
    volume.label = to_label(file.read("label"), info_, path);
    check_volume(volume, info_, path);
    return volume;
  }

  std::vector<SampleInfo> training_samples(int spatial_dims) const override {
    if (spatial_dims == 2) return slices_;
    return list_training_samples(cases_, spatial_dims, {});
  }

  Sample load_sample(const SampleInfo& sample) const override {
    if (sample.slice < 0) {
      const Volume volume = load(sample.case_index);
      return {volume.image, volume.label};
    }
    const fs::path path =
        root_ / "data" / "slices" /
        fmt::format("{}_slice_{}.h5", cases_.at(sample.case_index).id, sample.slice + first_slice_);
    const Hdf5File file = Hdf5File::open(path);
    const Sample result = {file.read("image").to(at::kFloat).unsqueeze(0),
                           to_label(file.read("label"), info_, path)};
    check_sample(result, info_, path);
    return result;
  }

 private:
  void read_volumes() {
    static const std::regex form("patient\\d+_frame\\d+");
    const auto present = stems_in(root_ / "data");
    for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
      const fs::path list = find_list(root_, fmt::format("{}.list", to_string(split)));
      for (const auto& [stem, where] : read_case_list(list, form, "patientXXX_frameYY")) {
        if (!present.contains(stem)) {
          fail("a listed volume is missing", where, (root_ / "data" / (stem + ".h5")).string(),
               "no such file");
        }
        const auto bytes = static_cast<int64_t>(fs::file_size(root_ / "data" / (stem + ".h5")));
        cases_.push_back({stem, stem.substr(0, stem.find("_frame")), "", split, bytes});
      }
    }
  }

  void read_slices() {
    static const std::regex form("patient\\d+_frame\\d+_slice_\\d+");
    const auto present = stems_in(root_ / "data" / "slices");
    std::map<std::string, size_t> training;
    for (size_t i = 0; i < cases_.size(); ++i) {
      if (cases_[i].split == Split::kTrain) training.emplace(cases_[i].id, i);
    }
    const fs::path list = find_list(root_, "train_slices.list");
    for (const auto& [stem, where] : read_case_list(list, form, "patientXXX_frameYY_slice_Z")) {
      const size_t cut = stem.find("_slice_");
      const auto owner = training.find(stem.substr(0, cut));
      if (owner == training.end()) {
        fail("a training slice belongs to no training volume", where,
             stem.substr(0, cut) + " in train.list", "not there");
      }
      if (!present.contains(stem)) {
        fail("a listed slice is missing", where,
             (root_ / "data" / "slices" / (stem + ".h5")).string(), "no such file");
      }
      slices_.push_back({owner->second, std::stoll(stem.substr(cut + 7))});
      first_slice_ = std::min(first_slice_, slices_.back().slice);
    }
    for (SampleInfo& sample : slices_) sample.slice -= first_slice_;
  }

  fs::path root_;
  DatasetInfo info_;
  std::vector<CaseInfo> cases_;
  std::vector<SampleInfo> slices_;
  // The released files count slices from 1; those of the released conversion script from 0.
  int64_t first_slice_ = 1;
};

struct Options {
  std::string root;

  static Options read(const Config& section) {
    return {section.required("root", "Folder that holds data/ and the lists of SSL4MIS.",
                             Effect::kNone)};
  }
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "acdc",
     .summary = "ACDC in the layout of HiLab-git/SSL4MIS; give dataset.root",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<Acdc>(Options::read(section).root);
     }});

}  // namespace
}  // namespace semiseg::acdc
