// SPDX-License-Identifier: Apache-2.0
// Pancreas-CT (NIH, 82 abdominal CTs) as two groups of repositories store it, read in place
// (datasets/listed_hdf5.h); image and label have axes x, y, z:
//   <root>/Pancreas_h5/image0001_norm.h5   MC-Net: 1 mm isotropic, [-125, 275] HU, z-score; cropped
//                                          to the labels with 25 voxels in x and y
//   <root>/data/0001.h5                    CoraNet, BCP, CauSSL: voxels as released, [-125, 275] HU
//                                          scaled to [0, 1]; cropped to the labels with 25 voxels
// Lines of the lists are "image0001" or "0001" (62 train, 20 test). Numbers of the two forms cannot
// be compared; the preparation in the provenance of a run says which it had. Nothing is scaled when
// a file is read. A scan without labels is predicted whole, which no published number covers.
#include "datasets/listed_hdf5.h"
#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/scans/preparation.h"

namespace semiseg::pancreas {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string root;
  int64_t validation = 0;

  static Options read(const Config& section) {
    Options o;
    o.root = section.required("root", "Folder that holds Pancreas_h5/ or data/, and the lists.",
                              Effect::kNone);
    o.validation = read_validation(section);
    return o;
  }
};

class Pancreas : public ListedHdf5 {
 public:
  explicit Pancreas(const Options& options) : root_(options.root), is_resampled_(find_form(root_)) {
    Preparation how;
    how.orientation = "stored_xyz";
    how.crop = "labels";
    how.margin = 25;
    how.intensity = {.clip = {-125, 275}, .scale = is_resampled_ ? "zscore" : "minmax"};
    if (is_resampled_) how.spacing_mm = {1, 1, 1};
    info_ = {.name = "pancreas",
             .classes = {"background", "pancreas"},
             .axial_axis = 2,
             .label_based_preparation = true,
             .preparation = how.text()};
    add_listed({.root = root_,
                .data_set = "Pancreas-CT",
                .fix = "copy the lists of the reference beside the data",
                .form = std::regex("(?:image)?([0-9]{4})(?:_norm)?"),
                .example = "image0057, or 0057",
                .validation = options.validation});
  }

 private:
  // Returns true for the form of MC-Net.
  static bool find_form(const fs::path& root) {
    const bool resampled = fs::is_directory(root / "Pancreas_h5");
    const bool released = fs::is_directory(root / "data");
    if (resampled != released) return resampled;
    throw Error(
        ErrorKind::kData,
        {.what = "the form of Pancreas-CT cannot be told",
         .where = root.string(),
         .expected = "one of the folders Pancreas_h5 (MC-Net) and data (CoraNet, BCP)",
         .got = resampled ? "both" : "neither",
         .fix = resampled ? "move one of them to a folder of its own" : "set dataset.root"});
  }

  fs::path image_file(size_t case_index) const override {
    const std::string& id = cases_.at(case_index).id;
    return is_resampled_ ? root_ / "Pancreas_h5" / ("image" + id + "_norm.h5")
                         : root_ / "data" / (id + ".h5");
  }
  std::vector<double> spacing() const override {
    return is_resampled_ ? std::vector<double>{1, 1, 1} : std::vector<double>();
  }

  fs::path root_;
  bool is_resampled_;
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "pancreas",
     .summary = "Pancreas-CT in the layout of MC-Net or of CoraNet and BCP; give dataset.root",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<Pancreas>(Options::read(section));
     }});

}  // namespace
}  // namespace semiseg::pancreas
