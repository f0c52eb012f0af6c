// SPDX-License-Identifier: Apache-2.0
// Synapse (BTCV): 30 abdominal CTs with 13 organs of very unequal volume, as xmed-lab/GenericSSL and
// xmed-lab/DHC store them, read in place (datasets/numpy_volumes.h):
//   npy/0001_image.npy, 0001_label.npy   80 × 160 × 160 (whole scans, resized), axes z, y, x
//   split_txts/labeled_0.2.txt, unlabeled_0.2.txt, eval.txt, test.txt
// Voxels are clipped to [-75, 275] HU and scaled to [0, 1] of each volume. labelled=4 labels the
// list labeled_0.2. DHC's lists are others, of other splits: labelled_list = "labeled_20p" and
// unlabelled_list = "unlabeled_20p"; rows of the two cannot be compared. The arrays lack the
// spacing, so distances are in voxels.
#include "datasets/numpy_volumes.h"
#include "framework/config/option_list.h"
#include "framework/data/archive/case_checks.h"

namespace semiseg::synapse {
namespace {

struct Options {
  std::string root, labelled = "labeled_0.2", unlabelled = "unlabeled_0.2";

  static Options read(const Config& section) {
    Options o;
    o.root = section.required("root", "Folder that holds npy/ and split_txts/.", Effect::kNone);
    section.read("labelled_list", o.labelled,
                 "Name of the list of training scans that come first in published order, without "
                 ".txt. Set it for another share of labels, \"labeled_20p\" of DHC for example.");
    section.read("unlabelled_list", o.unlabelled,
                 "Name of the list of the other training scans, without .txt. Set it together with "
                 "labelled_list.");
    return o;
  }
};

class Synapse : public NumpyVolumes {
 public:
  explicit Synapse(const Options& options)
      : NumpyVolumes(options.root,
                     {.name = "synapse",
                      .classes = {"background", "spleen", "right_kidney", "left_kidney",
                                  "gallbladder", "oesophagus", "liver", "stomach", "aorta",
                                  "inferior_vena_cava", "portal_and_splenic_veins", "pancreas",
                                  "right_adrenal_gland", "left_adrenal_gland"}},
                     {.clip = {-75, 275}, .scale = "minmax"}) {
    add_list(options.labelled, {});
    add_list(options.unlabelled, {.needs_labels = false});
    add_list("eval", {.split = Split::kVal});
    add_list("test", {.split = Split::kTest});
    check_cases(cases_, options.root);
  }

 private:
  void add_list(const std::string& name, const ListedCases& how) {
    static const std::regex form("[0-9]{4}");
    add_cases(read_ids(name, form, "0009"), how);
  }
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "synapse",
     .summary =
         "Synapse (13 abdominal organs on CT) in the layout of GenericSSL; give dataset.root",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<Synapse>(Options::read(section));
     }});

}  // namespace
}  // namespace semiseg::synapse
