// SPDX-License-Identifier: Apache-2.0
// The raw layout of nnU-Net (v1, v2) and of the Medical Segmentation Decathlon, read in place:
//   <root>/dataset.json                 channels, classes, ending of the files
//   imagesTr/<id>_0000.nii.gz, _0001 …  one file for each channel; or one file <id>.nii.gz (MSD),
//   with
//                                       channels along a fourth axis
//   labelsTr/<id>.nii.gz                a case without one is an unlabelled training case
//   imagesTs, labelsTs                  the test split, where both are there
// Order: as dataset.json lists the cases, or by name; cases without labels last. Other splits are
// drawn by the names of the patients (framework/data/archive/case_split.h) or listed. Axes are D, H, W
// of the files, slices along D. Voxels keep their size, unless `plans` names a plans.json of nnU-Net
// v2: then images are normalised and resampled as it plans, images linearly and labels to the nearest.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>
#include <set>
#include <utility>

#include "datasets/nnunet/nnunet_raw_json.h"
#include "datasets/nnunet/planned_volumes.h"
#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/data/archive/case_checks.h"
#include "framework/data/archive/case_split.h"
#include "framework/data/archive/volume_source.h"
#include "framework/scans/grid_match.h"
#include "framework/scans/image_file.h"
#include "framework/scans/preparation.h"

namespace semiseg::nnunet_raw {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string root, patient_mark, plans, configuration = "3d_fullres", order = "listed";
  double grid_tolerance = kGridTolerance;
  SplitOptions splits;
  IntensityOptions intensity{.scale = "zscore"};

  static Options read(const Config& section) {
    Options o;
    o.root = section.required("root", "Folder that holds dataset.json.", Effect::kNone);
    section.read(
        "patient_mark", o.patient_mark,
        "Text in a case's id behind the name of its patient; empty: every case is a patient. Set "
        "it where patients have several scans, so that none is in two splits.");
    section.read("order", o.order, {"listed", "name"},
                 "Published order of the cases with labels, the first of which are the labelled "
                 "ones: as dataset.json lists them (listed; by name where it lists none), or by "
                 "name. Set name to repeat runs that label the lowest numbers.");
    section.read("grid_tolerance", o.grid_tolerance, {0, 1},
                 "Distance in voxels that the grids of the files of a case may be apart. Raise it "
                 "where programs rounded headers.");
    section.read("plans", o.plans,
                 "The plans.json of nnU-Net v2: its spacing and normalisation instead of the "
                 "files' spacing and [dataset.intensity]; empty: none. Its patch and network are "
                 "printed by semiseg info --plans.");
    section.read("configuration", o.configuration,
                 "Configuration of plans.json that is followed. Take 2d for slices.");
    o.splits.read(section);
    o.intensity.read(section.section("intensity"));
    return o;
  }
};

[[noreturn]] void fail(std::string what, std::string where, std::string expected, std::string got,
                       std::string fix = "") {
  throw Error(ErrorKind::kData, {std::move(what), std::move(where), std::move(expected),
                                 std::move(got), std::move(fix)});
}

// Names of the files of a folder without this ending, sorted. Hidden files ("._x" of a Mac) are
// none.
std::vector<std::string> stems_in(const fs::path& folder, const std::string& ending) {
  std::vector<std::string> stems;
  if (!fs::is_directory(folder)) return stems;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(ending) || name.starts_with(".")) continue;
    stems.push_back(name.substr(0, name.size() - ending.size()));
  }
  std::sort(stems.begin(), stems.end());
  return stems;
}

// "la_003_0001" → "la_003".
std::string without_channel(const std::string& stem) {
  static const std::regex form("(.+)_[0-9]{4}");
  std::smatch match;
  return std::regex_match(stem, match, form) ? match[1].str() : stem;
}

class NnunetRaw : public VolumeSource {
 public:
  explicit NnunetRaw(const Options& options)
      : root_(options.root), described_(read_description(options.root)) {
    info_ = {.name = described_.name,
             .classes = described_.classes,
             .has_ignore_label = described_.ignore_label.has_value(),
             .channels = std::ssize(described_.channels)};
    intensity_ = options.intensity;
    if (!options.plans.empty()) {
      planned_ = PlannedVolumes(read_nnunet_plans(options.plans, options.configuration));
      intensity_ = {};  // planned_ normalises, before it resamples
    }
    grid_tolerance_ = options.grid_tolerance;
    find_form();
    if (options.order == "name") std::sort(described_.training.begin(), described_.training.end());
    add_training(options.patient_mark);
    SplitOptions splits = options.splits;
    const bool has_test = !stems_in(root_ / "labelsTs", described_.ending).empty();
    if (has_test) splits.test_fraction = 0;
    assign_splits(cases_, labelled_, splits, root_);
    if (has_test) add_test(options.patient_mark);
    check_cases(cases_, root_);
    for (size_t i = 0; i < cases_.size(); ++i) need_files(i);
    info_.preparation = preparation().text();
  }

 private:
  static NnunetDescription read_description(const fs::path& root) {
    if (!fs::exists(root / "dataset.json")) {
      fail("not a folder in the layout of nnU-Net", root.string(), "dataset.json", "no such file",
           "set dataset.root to the folder that holds dataset.json, imagesTr and labelsTr");
    }
    return read_nnunet_description(root / "dataset.json");
  }

  // Finds out whether images are called <id>_0000 or <id>. All have the same form, so that no file
  // fits two cases. Ids may end in four digits themselves.
  void find_form() {
    const auto labels = stems_in(root_ / "labelsTr", described_.ending);
    const auto images = stems_in(root_ / "imagesTr", described_.ending);
    const std::set<std::string> present(images.begin(), images.end());
    const auto count = [&](const std::string& channel) {
      return std::count_if(labels.begin(), labels.end(),
                           [&](const std::string& id) { return present.contains(id + channel); });
    };
    const auto by_channel = count("_0000"), whole = count("");
    by_channel_ = by_channel > 0 && by_channel >= whole;
    if (by_channel == 0 || whole == 0) return;
    const auto mixed = std::find_if(labels.begin(), labels.end(), [&](const std::string& id) {
      return present.contains(id) && present.contains(id + "_0000") &&
             !std::binary_search(labels.begin(), labels.end(), id + "_0000");
    });
    if (mixed == labels.end()) return;
    fail("two files may be the image of a case", (root_ / "imagesTr").string(),
         "every case in one form", fmt::format("{0}{1} and {0}_0000{1}", *mixed, described_.ending),
         "remove the one that does not belong");
  }

  void add_training(const std::string& mark) {
    const auto labels = stems_in(root_ / "labelsTr", described_.ending);
    if (labels.empty()) {
      fail("no labels", (root_ / "labelsTr").string(), "files *" + described_.ending, "none");
    }
    labelled_ = {labels.begin(), labels.end()};
    std::vector<std::string> ids = described_.training.empty() ? labels : described_.training;
    for (std::string& id : ids) {
      if (by_channel_ && !labelled_.contains(id) && labelled_.contains(without_channel(id)))
        id = without_channel(id);  // some lists name the file of the first channel
      if (!labelled_.contains(id)) {
        fail("a label of a training case is missing", (root_ / "dataset.json").string(),
             label_file("Tr", id).string(), "no such file");
      }
    }
    const auto images = stems_in(root_ / "imagesTr", described_.ending);
    std::set<std::string> known(ids.begin(), ids.end());
    for (std::string id : images) {
      if (by_channel_) {
        if (without_channel(id) == id) {
          fail("an image has no number of its channel", (root_ / "imagesTr").string(),
               id + "_0000" + described_.ending + ", as others have", id + described_.ending,
               "rename it, or move it out of the folder");
        }
        id = without_channel(id);
      }
      if (known.insert(id).second) ids.push_back(id);
    }
    for (const std::string& id : ids) {
      cases_.push_back({id, patient_of(id, mark), "", Split::kTrain});
      cases_.back().has_label = labelled_.contains(id);
    }
  }

  void add_test(const std::string& mark) {
    for (const std::string& id : stems_in(root_ / "labelsTs", described_.ending)) {
      cases_.push_back({id, patient_of(id, mark), "", Split::kTest});
      in_test_folder_.insert(id);
      labelled_.insert(id);
    }
  }

  const char* part(const std::string& id) const {
    return in_test_folder_.contains(id) ? "Ts" : "Tr";
  }
  fs::path label_file(const char* part, const std::string& id) const {
    return root_ / fmt::format("labels{}", part) / (id + described_.ending);
  }
  fs::path channel_file(const std::string& id, int64_t channel) const {
    return root_ / fmt::format("images{}", part(id)) /
           fmt::format("{}_{:04}{}", id, channel, described_.ending);
  }
  fs::path whole_file(const std::string& id) const {
    return root_ / fmt::format("images{}", part(id)) / (id + described_.ending);
  }
  // The test folder may have the other form.
  bool has_channel_files(const std::string& id) const {
    return in_test_folder_.contains(id) ? fs::exists(channel_file(id, 0)) : by_channel_;
  }

  fs::path image_file(size_t case_index) const override {
    const std::string& id = cases_.at(case_index).id;
    return has_channel_files(id) ? channel_file(id, 0) : whole_file(id);
  }

  // A single channel has its ending in the names as well, and predict takes it off.
  Preparation preparation() const {
    Preparation how;
    how.orientation = "stored";
    how.intensity = planned_.has_plan() ? planned_.intensity() : intensity_;
    how.spacing_mm = planned_.spacing_mm();
    how.fourth_axis_is_channels = info_.channels > 1 && !by_channel_;
    for (int64_t c = 0; by_channel_ && c < info_.channels; ++c)
      how.channels.push_back(fmt::format("_{:04}", c));
    return how;
  }

  void need_files(size_t case_index) const {
    const std::string& id = cases_[case_index].id;
    if (!has_channel_files(id) && !fs::exists(whole_file(id))) {
      fail("an image is missing", id, channel_file(id, 0).string(), "no such file");
    }
    for (int64_t c = 0; has_channel_files(id) && c < info_.channels; ++c) {
      if (fs::exists(channel_file(id, c))) continue;
      fail("a channel of an image is missing", id, channel_file(id, c).string(), "no such file");
    }
  }

  Scan read_image(const std::string& id) const {
    if (!has_channel_files(id)) {
      return read_scan(whole_file(id), {.fourth_axis_is_channels = info_.channels > 1});
    }
    Scan scan = read_scan(channel_file(id, 0));
    std::vector<at::Tensor> channels = {scan.image};
    for (int64_t c = 1; c < info_.channels; ++c) {
      const Scan other = read_scan(channel_file(id, c));
      channels.push_back(onto_grid(other.image, other.geometry, channel_file(id, c), scan.geometry,
                                   channel_file(id, 0), grid_tolerance_,
                                   "channels of a case lie on different grids"));
    }
    if (channels.size() > 1) scan.image = at::cat(channels);
    return scan;
  }

  Volume read(size_t case_index) const override {
    const std::string& id = cases_.at(case_index).id;
    const Scan scan = read_image(id);
    Volume volume{.image = scan.image,
                  .label = {},
                  .spacing_mm = scan.geometry.spacing_mm,
                  .has_spacing = true};
    if (!labelled_.contains(id)) return planned_.apply(std::move(volume), scan.geometry);
    const fs::path path = label_file(part(id), id);
    const LabelMap label = read_label_map(path, {.ignore_label = described_.ignore_label});
    const at::Tensor fitted =
        onto_grid(label.label, label.geometry, path, scan.geometry, image_file(case_index),
                  grid_tolerance_, "image and label lie on different grids");
    volume.label = to_label(fitted, info_, path);
    return planned_.apply(std::move(volume), scan.geometry);
  }

  std::vector<int64_t> sizes(size_t case_index) const override {
    const auto size = planned_.grid(read_image(cases_.at(case_index).id).geometry).size;
    return {size.begin(), size.end()};
  }

  fs::path root_;
  NnunetDescription described_;
  double grid_tolerance_ = kGridTolerance;
  PlannedVolumes planned_;
  bool by_channel_ = false;                          // images are called <id>_0000
  std::set<std::string> labelled_, in_test_folder_;  // ids
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "nnunet_raw",
     .summary = "A folder in the raw layout of nnU-Net or of the Medical Segmentation Decathlon; "
                "give dataset.root",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<NnunetRaw>(Options::read(section));
     }});

}  // namespace
}  // namespace semiseg::nnunet_raw
