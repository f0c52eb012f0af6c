// SPDX-License-Identifier: Apache-2.0
// Volumes as pairs of NumPy files in the layout of xmed-lab/GenericSSL, read in place
// (datasets/numpy_volumes.h); the classes and the lists are settings. synapse, mmwhs and mnms have
// those of the released data sets. As in the reference, ids of a list are sorted. Published order:
// those of the labelled list, then those of the unlabelled one, whose label files are not needed.
// Every volume is scaled to [0, 1] when it is read.
#include "datasets/numpy_volumes.h"
#include "framework/config/option_list.h"
#include "framework/data/archive/case_checks.h"

namespace semiseg::numpy_pairs {
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

class NumpyPairs : public NumpyVolumes {
 public:
  explicit NumpyPairs(const Options& options)
      : NumpyVolumes(options.root,
                     {.name = "numpy_pairs",
                      .classes = options.classes,
                      .channels = options.channels,
                      .axial_axis = options.axial_axis,
                      .label_based_preparation = options.label_based_preparation},
                     options.intensity) {
    const std::string& mark = options.patient_mark;
    add_list(options.labelled, {.patient_mark = mark});
    add_list(options.unlabelled, {.needs_labels = false, .patient_mark = mark});
    add_list(options.val, {.split = Split::kVal, .patient_mark = mark});
    add_list(options.test, {.split = Split::kTest, .patient_mark = mark});
    check_cases(cases_, options.root);
  }

 private:
  void add_list(const std::string& name, const ListedCases& how) {
    static const std::regex form("[^,\"/#]+");
    if (!name.empty()) add_cases(read_ids(name, form, "an id"), how);
  }
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
