// SPDX-License-Identifier: Apache-2.0
// MM-WHS (whole hearts, 20 CTs and 20 MRs of other patients) as xmed-lab/GenericSSL stores it, read
// in place (datasets/numpy_volumes.h):
//   npy/ct_train_1001_image.npy, …_label.npy   144 × 144 × 144, axes z, y, x
//   splits_txts/                               for each direction, ct2mr and mr2ct:
//     train_<direction>_labeled.txt            all 16 source scans that are not tested
//     train_<direction>_unlabeled.txt          13 target scans
//     eval_<direction>.txt                     3 target scans
//   splits_txts/test_ct.txt, test_mr.txt       4 scans each
// The modality is the domain: setting=uda setting.source=ct setting.target=mr. Whoever made the
// arrays cropped the scans to their ground truth, clipped them to [0, 98th percentile], took the
// z-score and resized them; reading scales each to [0, 1].
#include <array>

#include "datasets/numpy_volumes.h"
#include "framework/config/option_list.h"
#include "framework/data/archive/case_checks.h"

namespace semiseg::mmwhs {
namespace {

struct Options {
  std::string root, published = "none";

  static Options read(const Config& section) {
    Options o;
    o.root = section.required("root", "Folder that holds npy/ and splits_txts/.", Effect::kNone);
    section.read(
        "published_direction", o.published, {"none", "ct2mr", "mr2ct"},
        "Direction whose lists are taken as published: all 16 source scans train, and only target "
        "scans validate, so that setting.select=target is needed. none: each modality has 13 scans "
        "to train with and 3 to validate. Set it to repeat published numbers.");
    return o;
  }
};

class Mmwhs : public NumpyVolumes {
 public:
  explicit Mmwhs(const Options& options)
      : NumpyVolumes(
            options.root,
            {.name = "mmwhs",
             .classes = {"background", "myocardium", "left_atrium", "left_ventricle", "aorta"},
             .label_based_preparation = true},
            {.scale = "minmax"}) {
    for (const auto& [domain, other] :
         {std::array<std::string, 2>{"ct", "mr"}, std::array<std::string, 2>{"mr", "ct"}}) {
      const std::string to_other = domain + "2" + other, from_other = other + "2" + domain;
      if (options.published == to_other) {
        add_list("train_" + to_other + "_labeled", domain, {});
      } else {
        add_list("train_" + from_other + "_unlabeled", domain, {.needs_labels = false});
        add_list("eval_" + from_other, domain, {.split = Split::kVal});
      }
      add_list("test_" + domain, domain, {.split = Split::kTest});
    }
    check_cases(cases_, options.root);
  }

 private:
  void add_list(const std::string& name, const std::string& domain, ListedCases how) {
    how.domain = domain;
    add_cases(read_ids(name, std::regex(domain + "_train_[0-9]{4}"), domain + "_train_1001"), how);
  }
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "mmwhs",
     .summary =
         "MM-WHS hearts, CT and MR as domains, in the layout of GenericSSL; give dataset.root",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<Mmwhs>(Options::read(section));
     }});

}  // namespace
}  // namespace semiseg::mmwhs
