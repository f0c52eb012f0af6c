// SPDX-License-Identifier: Apache-2.0
// Left atrium (2018 atrial segmentation challenge) in the layout of yulequan/UA-MT, read in place
// (datasets/listed_hdf5.h):
//   <root>/<id>/mri_norm2.h5   image and label, axes x, y, z; <root> or the folder
//                              "2018LA_Seg_Training Set" in it
// Whoever made the files took the z-score of whole scans and cropped them to their ground truth, x
// and y with a random margin. That crop cannot be repeated on a scan without labels: it is
// predicted whole, which no published number covers.
#include "datasets/listed_hdf5.h"
#include "framework/config/option_list.h"
#include "framework/core/error.h"

namespace semiseg::la {
namespace fs = std::filesystem;
namespace {

constexpr double kSpacing = 0.625;  // millimetres along each axis, by the challenge

struct Options {
  std::string root;
  int64_t validation = 0;

  static Options read(const Config& section) {
    Options o;
    o.root = section.required(
        "root", "Folder that holds a folder for each scan, and the lists of UA-MT.", Effect::kNone);
    o.validation = read_validation(section);
    return o;
  }
};

class La : public ListedHdf5 {
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
    add_listed({.root = root,
                .data_set = "LA",
                .fix = "copy the lists of UA-MT (data) beside the data",
                // Some lists name the file in the scan's folder.
                .form = std::regex("([0-9A-Z]{20})(/mri_norm2)?"),
                .example = "06SR5RBREL16DQ6M8LWS",
                .validation = options.validation});
  }

 private:
  fs::path image_file(size_t case_index) const override {
    return folder_ / cases_.at(case_index).id / "mri_norm2.h5";
  }
  std::vector<double> spacing() const override { return {kSpacing, kSpacing, kSpacing}; }

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
