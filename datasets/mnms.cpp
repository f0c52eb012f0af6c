// SPDX-License-Identifier: Apache-2.0
// M&Ms (cine MR of 320 patients from four vendors) as xmed-lab/GenericSSL stores it, read in place
// (datasets/numpy_volumes.h):
//   npy/A0S9V9_sa_11_image.npy, …_label.npy   32 × 144 × 144, axes z, y, x: frame 11 of a patient
//   split_txts/vendorA.txt … vendorD.txt      patients of a vendor, "A0S9V9_sa" a line
//   split_txts/train_toD_labeled_0.02.txt …   frames that were labelled when D was left out
// The vendor is the domain: setting=semidg setting.left_out=D. labelled="2%" labels as many
// patients of each vendor as the reference did, and published_draw says which. Whoever made the
// arrays cropped the scans with the help of their ground truth and resized them; reading clips each
// to its [0.5, 99.5] percentiles and scales it to [0, 1].
// The reference validates on the test list. `validation` takes patients of each vendor instead.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "datasets/numpy_volumes.h"
#include "framework/config/option_list.h"
#include "framework/core/error.h"
#include "framework/data/archive/case_checks.h"

namespace semiseg::mnms {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string root, draw;
  int64_t validation = 0;

  static Options read(const Config& section) {
    Options o;
    o.root = section.required("root", "Folder that holds npy/ and split_txts/.", Effect::kNone);
    section.read("published_draw", o.draw,
                 "Part of the names of the reference's list of labelled frames, \"toD_0.02\": its "
                 "patients come first, so that labelled=\"2%\" labels them. Empty: patients in "
                 "order of their names. Set it to repeat published numbers.");
    section.read(
        "validation", o.validation, {0, 1e6},
        "Number of patients of each vendor that validate, the last ones in this order; 0: none. "
        "Set it to select weights without looking at the test domain.");
    return o;
  }
};

// Returns frames by patient, in order of their names, from the names of the images in the folder.
std::map<std::string, std::vector<std::string>> frames_in(const fs::path& folder) {
  static const std::regex form("([A-Z0-9]{6})_sa_[0-9]+");
  constexpr std::string_view kEnding = "_image.npy";
  std::map<std::string, std::vector<std::string>> frames;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename();
    if (!name.ends_with(kEnding)) continue;
    name.resize(name.size() - kEnding.size());
    std::smatch match;
    if (std::regex_match(name, match, form)) frames[match[1]].push_back(name);
  }
  for (auto& [patient, names] : frames) std::sort(names.begin(), names.end());
  return frames;
}

class Mnms : public NumpyVolumes {
 public:
  explicit Mnms(const Options& options)
      : NumpyVolumes(options.root,
                     {.name = "mnms",
                      .classes = {"background", "left_ventricle", "myocardium", "right_ventricle"},
                      .label_based_preparation = true},
                     {.clip_percentile = {0.5, 99.5}, .scale = "minmax"}),
        frames_(frames_in(npy_folder())) {
    std::set<std::string> first;
    if (!options.draw.empty()) first = labelled_in(options.draw);
    for (const char vendor : {'A', 'B', 'C', 'D'}) add_vendor(vendor, first, options.validation);
    check_cases(cases_, options.root);
    for (const std::string& patient : first) check_known(patient, options.draw);
  }

 private:
  std::set<std::string> labelled_in(const std::string& draw) const {
    static const std::regex form("[A-Z0-9]{6}_sa_[0-9]+");
    const size_t cut = draw.find('_');
    const std::string list = fmt::format("train_{}_labeled{}", draw.substr(0, cut),
                                         cut == std::string::npos ? "" : draw.substr(cut));
    std::set<std::string> patients;
    for (const ListLine& line : read_ids(list, form, "B0I2Z0_sa_8"))
      patients.insert(line.name.substr(0, 6));
    return patients;
  }

  void check_known(const std::string& patient, const std::string& draw) const {
    if (std::any_of(cases_.begin(), cases_.end(),
                    [&](const CaseInfo& one) { return one.patient == patient; }))
      return;
    throw Error(ErrorKind::kData,
                {.what = "a patient of the published draw is of no vendor",
                 .where = "dataset.published_draw = " + draw,
                 .expected = patient + "_sa in one of the lists vendorA to vendorD",
                 .got = "none has it"});
  }

  void add_vendor(char vendor, const std::set<std::string>& first, int64_t validation) {
    static const std::regex form("[A-Z0-9]{6}_sa");
    std::vector<ListLine> patients = read_ids(fmt::format("vendor{}", vendor), form, "A0S9V9_sa");
    const auto id = [](const ListLine& line) { return line.name.substr(0, 6); };
    std::stable_partition(patients.begin(), patients.end(),
                          [&](const ListLine& line) { return first.contains(id(line)); });
    if (validation >= std::ssize(patients)) {
      throw Error(ErrorKind::kConfig,
                  {.what = "the validation split cannot be made",
                   .where = "dataset.validation",
                   .expected = fmt::format("fewer than the {} patients of vendor {}",
                                           patients.size(), vendor),
                   .got = std::to_string(validation)});
    }
    for (size_t i = 0; i < patients.size(); ++i) {
      const bool validates = patients.size() - i <= static_cast<size_t>(validation);
      add_frames(id(patients[i]), patients[i].where,
                 {.split = validates ? Split::kVal : Split::kTrain,
                  .needs_labels = false,
                  .domain = std::string(1, vendor),
                  .patient_mark = "_sa_"});
    }
  }

  void add_frames(const std::string& patient, const std::string& where, const ListedCases& how) {
    const auto [listed, is_new] = listed_.emplace(patient, where);
    if (!is_new) {
      throw Error(ErrorKind::kData, {.what = "two vendors have the same patient",
                                     .where = where,
                                     .expected = "every patient in one of the lists",
                                     .got = patient + " is in " + listed->second + " as well"});
    }
    const auto found = frames_.find(patient);
    if (found == frames_.end()) {
      throw Error(ErrorKind::kData, {.what = "a listed patient has no frame",
                                     .where = where,
                                     .expected = file(patient + "_sa_<frame>", "image").string(),
                                     .got = "no such file"});
    }
    std::vector<ListLine> lines;
    for (const std::string& frame : found->second) lines.push_back({frame, where});
    add_cases(lines, how);
  }

  std::map<std::string, std::vector<std::string>> frames_;  // patient → ids
  std::map<std::string, std::string> listed_;               // patient → file and line
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "mnms",
     .summary = "M&Ms hearts, four vendors as domains, in the layout of GenericSSL; give "
                "dataset.root",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<Mnms>(Options::read(section));
     }});

}  // namespace
}  // namespace semiseg::mnms
