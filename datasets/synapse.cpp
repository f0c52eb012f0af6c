// SPDX-License-Identifier: Apache-2.0
// Synapse (BTCV): 30 abdominal CTs with 13 organs of very unequal volume, as xmed-lab/GenericSSL
// and xmed-lab/DHC store them, read in place (datasets/numpy_volumes.h):
//   npy/0001_image.npy, 0001_label.npy   80 × 160 × 160 (whole scans, resized), axes z, y, x
//   split_txts/labeled_0.2.txt, unlabeled_0.2.txt, eval.txt, test.txt
// Voxels are clipped to [-75, 275] HU and scaled to [0, 1] of each volume. labelled=4 labels the
// list labeled_0.2. DHC's lists are others, of other splits: labelled_list = "labeled_20p" and
// unlabelled_list = "unlabeled_20p"; rows of the two cannot be compared. The arrays lack the
// spacing, so distances are in voxels. Later code of DHC stores whole scans as released and halves
// their planes at each access, before it clips: plane = "halved".
#include <ATen/TensorOperators.h>
#include <ATen/ops/upsample_nearest3d.h>
#include <ATen/ops/upsample_trilinear3d.h>

#include "datasets/numpy_volumes.h"
#include "framework/config/option_list.h"
#include "framework/data/archive/case_checks.h"

namespace semiseg::synapse {
namespace {

struct Options {
  std::string root, labelled = "labeled_0.2", unlabelled = "unlabeled_0.2", plane = "stored";

  static Options read(const Config& section) {
    Options o;
    o.root = section.required("root", "Folder that holds npy/ and split_txts/.", Effect::kNone);
    section.read("labelled_list", o.labelled,
                 "Name of the list of training scans that come first in published order, without "
                 ".txt. Set it for another share of labels, \"labeled_20p\" of DHC for example.");
    section.read("unlabelled_list", o.unlabelled,
                 "Name of the list of the other training scans, without .txt. Set it together with "
                 "labelled_list.");
    section.read("plane", o.plane, {"stored", "halved"},
                 "Size of the planes of the scans: as stored, or half of it along both axes "
                 "(halved). Set halved for scans as released, to repeat DHC's code of 2024.");
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
    is_halved_ = options.plane == "halved";
    if (is_halved_) info_.preparation.clear();  // no words for it: predict must not leave it out
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

  std::vector<int64_t> sizes(size_t case_index) const override {
    std::vector<int64_t> size = NumpyVolumes::sizes(case_index);
    for (size_t axis = 1; is_halved_ && axis < size.size(); ++axis) size[axis] /= 2;
    return size;
  }

  Volume read(size_t case_index) const override {
    Volume volume = NumpyVolumes::read(case_index);
    if (!is_halved_ || volume.image.dim() != 4) return volume;
    const auto half = [&](int64_t axis) { return volume.image.size(axis) / 2; };
    const std::vector<int64_t> size = {volume.image.size(1), half(2), half(3)};
    if (volume.label.defined() && volume.label.dim() == 3) {
      const at::Tensor label = volume.label.to(at::kFloat).unsqueeze(0).unsqueeze(0);
      volume.label = at::upsample_nearest3d(label, size)[0][0].to(at::kByte);
    }
    volume.image = at::upsample_trilinear3d(volume.image.unsqueeze(0), size, false)[0];
    return volume;
  }

  bool is_halved_ = false;
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
