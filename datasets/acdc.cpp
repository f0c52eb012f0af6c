// SPDX-License-Identifier: Apache-2.0
// ACDC (Bernard et al., IEEE TMI 2018) in the layout of HiLab-git/SSL4MIS, read in place:
//   <root>/data/slices/patientXXX_frameYY_slice_Z.h5   2-D training, image and label [H,W]
//   <root>/data/patientXXX_frameYY.h5                   whole volumes, image and label [D,H,W]
//   train_slices.list, train.list, val.list, test.list  in <root> or the folder above it, one file
//   stem a line
// The published order is that of train_slices.list. Images are min-max normalised by whoever made
// the files. Spacing is not in them, so distances are in voxels.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/data/case_checks.h"
#include "framework/data/dataset.h"
#include "framework/data/hdf5_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

struct ListLine {
  std::string stem;
  std::string where;  // file:line
};

[[noreturn]] void fail(std::string what, std::string where, std::string expected, std::string got,
                       std::string fix = "") {
  throw Error(ErrorKind::kData, {std::move(what), std::move(where), std::move(expected),
                                 std::move(got), std::move(fix)});
}

fs::path find_list(const fs::path& root, const std::string& name) {
  // "root/.." and not parent_path: the latter is wrong for "acdc/" and for links.
  for (const fs::path& folder : {root, root / ".."}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  fail("a list of ACDC is missing", root.string(), name + " here or in the folder above", "neither",
       "copy the lists of SSL4MIS (data/ACDC) beside the data");
}

// Stems of one list, each checked against `form`; duplicates are what a cut line number looks like.
std::vector<ListLine> read_list(const fs::path& path, const std::regex& form, const char* example) {
  std::vector<ListLine> lines;
  std::set<std::string> seen;
  std::istringstream text(read_file(path));
  int64_t number = 0;
  for (std::string line; std::getline(text, line);) {
    const std::string where = fmt::format("{}:{}", path.string(), ++number);
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.ends_with(".h5")) line.resize(line.size() - 3);
    if (line.empty()) continue;
    if (!std::regex_match(line, form)) {
      fail("a list line is damaged or cut", where, example, line, "repair the line");
    }
    if (!seen.insert(line).second) {
      fail("a list line is there twice, or was cut", where, "every name once", line,
           "repair the line");
    }
    lines.push_back({line, where});
  }
  if (lines.empty()) fail("a list of ACDC is empty", path.string(), example, "no line");
  return lines;
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
    volume.label = to_label(file.read("label"), num_classes(), path);
    check_volume(volume, info_, path);
    return volume;
  }

  std::vector<SampleInfo> training_samples(int spatial_dims) const override {
    if (spatial_dims == 2) return slices_;
    std::vector<SampleInfo> volumes;
    for (size_t i = 0; i < cases_.size(); ++i) {
      if (cases_[i].split == Split::kTrain) volumes.push_back({i, -1});
    }
    return volumes;
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
                           to_label(file.read("label"), num_classes(), path)};
    check_sample(result, info_, path);
    return result;
  }

 private:
  int64_t num_classes() const { return static_cast<int64_t>(info_.classes.size()); }

  void read_volumes() {
    static const std::regex form("patient\\d+_frame\\d+");
    const auto present = stems_in(root_ / "data");
    for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
      const fs::path list = find_list(root_, fmt::format("{}.list", to_string(split)));
      for (const auto& [stem, where] : read_list(list, form, "patientXXX_frameYY")) {
        if (!present.contains(stem)) {
          fail("a listed volume is missing", where, (root_ / "data" / (stem + ".h5")).string(),
               "no such file");
        }
        cases_.push_back({stem, stem.substr(0, stem.find("_frame")), "", split});
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
    for (const auto& [stem, where] : read_list(list, form, "patientXXX_frameYY_slice_Z")) {
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

const bool registered = DatasetRegistry::instance().add(
    {.name = "acdc",
     .summary = "cardiac cine MR, 100 patients, right ventricle, myocardium, left ventricle "
                "(files of SSL4MIS)",
     .make = [](const Config& options) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<Acdc>(
           options.required("root", "folder that holds data/ and the lists of SSL4MIS"));
     }});

}  // namespace
}  // namespace semiseg
