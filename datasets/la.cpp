// SPDX-License-Identifier: Apache-2.0
// Left atrium (2018 atrial segmentation challenge) in the layout of yulequan/UA-MT, read in place:
//   <root>/<id>/mri_norm2.h5   image and label, axes x, y, z; <root> or the folder
//                              "2018LA_Seg_Training Set" in it
//   train.list, test.list      in <root> or the folder above it, one id a line; val.list where made
// The published order is that of train.list. Whoever made the files took the z-score of whole scans
// and cropped them to their ground truth, x and y with a random margin. That crop cannot be
// repeated on a scan without labels: it is predicted whole, which no published number covers.
// Published runs have no validation split: they deploy the last weights or select on the test split
// (protocol.select). `validation` takes one from the end of train.list, where scans are unlabelled
// in those runs: the labelled ones stay, the pool of unlabelled ones shrinks.
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <utility>

#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/data/archive/case_checks.h"
#include "framework/data/archive/case_list.h"
#include "framework/data/archive/volume_source.h"
#include "framework/files/hdf5_file.h"

namespace semiseg::la {
namespace fs = std::filesystem;
namespace {

constexpr double kSpacing = 0.625;  // millimetres along each axis, by the challenge
const char* const kCopyLists = "copy the lists of UA-MT (data) beside the data";

struct Options {
  std::string root;
  int64_t validation = 0;

  static Options read(const Config& section) {
    Options o;
    o.root = section.required(
        "root", "Folder that holds a folder for each scan, and the lists of UA-MT.", Effect::kNone);
    section.read(
        "validation", o.validation, {0, 1e6},
        "Number of scans from the end of train.list that form a validation split; 0: none, as in "
        "published runs. Set it to select weights without looking at the test split.");
    return o;
  }
};

class La : public VolumeSource {
 public:
  explicit La(const Options& options) {
    const fs::path root = options.root;
    info_ = {.name = "la",
             .classes = {"background", "left_atrium"},
             .axial_axis = 2,
             .label_based_preparation = true,
             .preparation = "orientation=stored_xyz crop=labels normalise=zscore"};
    const fs::path inner = root / "2018LA_Seg_Training Set";
    folder_ = fs::is_directory(inner) ? inner : root;
    if (!fs::is_directory(root)) {
      throw Error(ErrorKind::kData, {.what = "the folder of LA is missing",
                                     .where = root.string(),
                                     .expected = "a folder with a folder for each scan",
                                     .got = "no such folder",
                                     .fix = "set dataset.root"});
    }
    read_list(find_case_list(root, "train.list", "LA", kCopyLists), Split::kTrain);
    validate_on_last(options.validation);
    for (const fs::path& above : {root, root / ".."}) {
      if (!fs::exists(above / "val.list")) continue;
      if (options.validation > 0)
        fail_validation("0, or no val.list", (above / "val.list").string());
      read_list(above / "val.list", Split::kVal);
      break;
    }
    read_list(find_case_list(root, "test.list", "LA", kCopyLists), Split::kTest);
    check_cases(cases_, root);
  }

 private:
  [[noreturn]] static void fail_validation(const std::string& expected, const std::string& got) {
    throw Error(ErrorKind::kConfig, {.what = "the validation split cannot be made",
                                     .where = "dataset.validation",
                                     .expected = expected,
                                     .got = got});
  }

  // Moves the last `count` training cases, the only ones read so far, to validation.
  void validate_on_last(int64_t count) {
    if (count >= std::ssize(cases_))
      fail_validation(fmt::format("fewer than the {} scans of train.list", cases_.size()),
                      std::to_string(count));
    for (auto one = cases_.end() - count; one != cases_.end(); ++one) one->split = Split::kVal;
  }

  fs::path image_file(size_t case_index) const override {
    return folder_ / cases_.at(case_index).id / "mri_norm2.h5";
  }

  std::vector<int64_t> sizes(size_t case_index) const override {
    return Hdf5File::open(image_file(case_index)).describe("image").sizes;
  }

  Volume read(size_t case_index) const override {
    const fs::path path = image_file(case_index);
    const Hdf5File file = Hdf5File::open(path);
    return {.image = file.read("image").to(at::kFloat).unsqueeze(0),
            .label = to_label(file.read("label"), info_, path),
            .spacing_mm = {kSpacing, kSpacing, kSpacing},
            .has_spacing = true};
  }

  void read_list(const fs::path& list, Split split) {
    // Some lists name the file in the scan's folder.
    static const std::regex form("[0-9A-Z]{20}(/mri_norm2)?");
    for (const auto& [line, where] : read_case_list(list, form, "06SR5RBREL16DQ6M8LWS")) {
      const std::string id = line.substr(0, 20);
      cases_.push_back({id, id, "", split});
      const fs::path file = image_file(cases_.size() - 1);
      if (fs::exists(file)) continue;
      throw Error(ErrorKind::kData, {.what = "a listed scan is missing",
                                     .where = where,
                                     .expected = file.string(),
                                     .got = "no such file"});
    }
  }

  fs::path folder_;
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "la",
     .summary = "Left atrium in the layout of UA-MT; give dataset.root",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<La>(Options::read(section));
     }});

}  // namespace
}  // namespace semiseg::la
