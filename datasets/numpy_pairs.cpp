// SPDX-License-Identifier: Apache-2.0
// Volumes as pairs of NumPy files in the layout of xmed-lab/GenericSSL (LA, Synapse, MMWHS, M&Ms),
// read in place:
//   <root>/npy/<id>_image.npy, <id>_label.npy   [D,H,W], or [C,D,H,W] for several channels
//   <root>/split_txts/<list>.txt                 one id a line; which lists is a setting
// As there, ids of a list are sorted. Published order: those of the labelled list, then those of
// the unlabelled one, whose label files are not needed. Every volume is scaled to [0, 1] when it is
// read; Synapse adds intensity.clip = [-75, 275], M&Ms intensity.clip_percentile = [0.5, 99.5].
// The files lack the spacing, so distances are in voxels; they also lack what was done to the scans
// before (crops, new sizes), so that predict takes scans as if they were such arrays.
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/data/archive/case_checks.h"
#include "framework/data/archive/case_list.h"
#include "framework/data/archive/case_split.h"
#include "framework/data/archive/volume_source.h"
#include "framework/files/npy_file.h"
#include "framework/scans/preparation.h"

namespace semiseg::numpy_pairs {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string root;
  std::vector<std::string> classes;
  std::string labelled, unlabelled, val, test;  // names of lists
  std::string patient_mark;
  int64_t channels = 1, axial_axis = 0;
  bool label_based_preparation = false;
  IntensityOptions intensity{.scale = "minmax"};

  static Options read(const Config& section) {
    Options o;
    o.root = section.required("root", "Folder that holds npy/ and split_txts/.", Effect::kNone);
    section.read(
        "classes", o.classes,
        "Names of the classes, background first. It must be given: the files do not name them.");
    o.labelled = section.required(
        "labelled_list", "Name of the list of training volumes with labels, without .txt.");
    section.read("unlabelled_list", o.unlabelled,
                 "Name of the list of further training volumes; empty: none.");
    section.read("val_list", o.val, "Name of the list of validation volumes; empty: none.");
    section.read("test_list", o.test, "Name of the list of test volumes; empty: none.");
    section.read(
        "patient_mark", o.patient_mark,
        "Text in an id behind the name of its patient, \"_sa_\" in M&Ms; empty: every volume is a "
        "patient. Set it where patients have several scans, so that none is in two splits.");
    section.read("channels", o.channels, {1, 64},
                 "Number of channels of an image. Set it for several sequences or modalities.");
    section.read("axial_axis", o.axial_axis, {0, 2},
                 "Axis of the arrays along which slices lie: 0, in LA 2.");
    section.read(
        "label_based_preparation", o.label_based_preparation,
        "Says that volumes were cropped to their labels (LA, MMWHS, M&Ms); tables flag it.");
    o.intensity.read(section.section("intensity"));
    if (o.classes.size() < 2) {
      section.fail("classes", "the files do not say their classes",
                   "names, background first: [\"background\", \"left_atrium\"]");
    }
    return o;
  }
};

// Axes of the arrays are x, y, z where the slices lie along the last one (LA), else z, y, x.
Preparation preparation_of(const Options& options) {
  Preparation how;
  how.fourth_axis_is_channels = options.channels > 1;
  how.earlier_unknown = true;
  how.orientation = options.axial_axis == 2 ? "stored_xyz" : "stored";
  if (options.label_based_preparation) how.crop = "labels";
  how.intensity = options.intensity;
  return how;
}

class NumpyPairs : public VolumeSource {
 public:
  explicit NumpyPairs(const Options& options) : root_(options.root) {
    info_ = {.name = "numpy_pairs",
             .classes = options.classes,
             .channels = options.channels,
             .axial_axis = options.axial_axis,
             .label_based_preparation = options.label_based_preparation,
             .preparation = preparation_of(options).text()};
    intensity_ = options.intensity;
    for (const char* folder : {"npy", "split_txts"}) {
      if (!fs::is_directory(root_ / folder)) {
        throw Error(ErrorKind::kData, {.what = "a folder of NumPy pairs is missing",
                                       .where = (root_ / folder).string(),
                                       .expected = "npy/ and split_txts/",
                                       .got = "no such folder",
                                       .fix = "set dataset.root to the folder that holds both"});
      }
    }
    read_list(options.labelled, Split::kTrain, true, options.patient_mark);
    read_list(options.unlabelled, Split::kTrain, false, options.patient_mark);
    read_list(options.val, Split::kVal, true, options.patient_mark);
    read_list(options.test, Split::kTest, true, options.patient_mark);
    check_cases(cases_, root_);
  }

 private:
  fs::path file(size_t case_index, const char* of) const {
    return root_ / "npy" / fmt::format("{}_{}.npy", cases_.at(case_index).id, of);
  }
  fs::path image_file(size_t case_index) const override { return file(case_index, "image"); }

  std::vector<int64_t> sizes(size_t case_index) const override {
    std::vector<int64_t> shape = read_npy_shape(image_file(case_index));
    if (shape.size() == 4) shape.erase(shape.begin());
    return shape;
  }

  Volume read(size_t case_index) const override {
    Volume volume;
    volume.image = read_npy(image_file(case_index)).to(at::kFloat);
    if (volume.image.dim() == 3) volume.image = volume.image.unsqueeze(0);
    const fs::path path = file(case_index, "label");
    if (fs::exists(path)) volume.label = to_label(read_npy(path), info_, path);
    return volume;
  }

  void read_list(const std::string& name, Split split, bool has_labels, const std::string& mark) {
    if (name.empty()) return;
    static const std::regex form("[^,\"/#]+");
    auto lines = read_case_list(root_ / "split_txts" / (name + ".txt"), form, "an id");
    std::sort(lines.begin(), lines.end(),
              [](const ListLine& a, const ListLine& b) { return a.name < b.name; });
    for (const auto& [id, where] : lines) {
      cases_.push_back({id, patient_of(id, mark), "", split});
      for (const char* of : {"image", "label"}) {
        const fs::path path = file(cases_.size() - 1, of);
        if (fs::exists(path) || (of[0] == 'l' && !has_labels)) continue;
        throw Error(ErrorKind::kData, {.what = "a file of a listed volume is missing",
                                       .where = where,
                                       .expected = path.string(),
                                       .got = "no such file"});
      }
    }
  }

  fs::path root_;
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "numpy_pairs",
     .summary = "Pairs of NumPy files in the layout of GenericSSL; give dataset.root, "
                "dataset.classes and the lists",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<NumpyPairs>(Options::read(section));
     }});

}  // namespace
}  // namespace semiseg::numpy_pairs
