// SPDX-License-Identifier: Apache-2.0
#include "datasets/convert/convert_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "datasets/convert/case_names.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/scans/image_file.h"
#include "framework/scans/image_file_formats.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string what, const fs::path& where, std::string expected = "",
                       std::string got = "", std::string fix = "") {
  throw Error(ErrorKind::kConfig, {std::move(what), where.string(), std::move(expected),
                                   std::move(got), std::move(fix)});
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

// Scans of a folder: image files, folders below, and the folder itself if it holds slices. `above`:
// the folders on the way, because a link may lead back to one of them.
void collect(const fs::path& folder, const fs::path& root, std::set<fs::path> above,
             std::vector<FoundScan>& scans) {
  if (!above.insert(fs::canonical(folder)).second) return;
  std::set<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!is_hidden(entry.path())) entries.insert(entry.path());
  }
  bool slices = false;
  for (const fs::path& entry : entries) {
    if (fs::is_directory(entry)) {
      collect(entry, root, above, scans);
    } else if (image_format::is_slice(entry)) {
      slices = true;
    } else if (is_image_file(entry)) {
      scans.push_back({entry, root});
    }
  }
  if (slices) scans.push_back({folder, root});
}

std::vector<FoundScan> find_scans(const std::vector<fs::path>& inputs) {
  std::vector<FoundScan> scans;
  for (const fs::path& input : inputs) {
    if (!fs::exists(input)) fail("there is no such file or folder", input);
    if (fs::is_directory(input)) {
      collect(input, input, {}, scans);
    } else {
      scans.push_back({input, input});
    }
  }
  if (!scans.empty()) return scans;
  fail("no image files were found", inputs.empty() ? fs::path() : inputs.front(),
       ".nii, .nii.gz, .nrrd, .mha, .mhd, or DICOM folders", "none");
}

struct NamedScan {
  std::string id;
  fs::path path;
};

void note_passed_over(const std::vector<fs::path>& files, const std::string& why) {
  if (files.empty()) return;
  log::line(fmt::format("note: {} {} skipped, {}: {}{}", files.size(),
                        files.size() == 1 ? "file is" : "files are", why, files.front().string(),
                        files.size() > 1 ? ", …" : ""));
}

// With their ids by the form, or by ids_of().
std::vector<NamedScan> named(const std::vector<FoundScan>& scans, const std::string& form) {
  std::vector<NamedScan> result;
  if (form.empty()) {
    const std::vector<std::string> ids = ids_of(scans);
    for (size_t i = 0; i < scans.size(); ++i) result.push_back({ids[i], scans[i].path});
    return result;
  }
  std::vector<fs::path> others;
  for (const FoundScan& scan : scans) {
    if (const auto id = id_by_form(scan, form)) {
      result.push_back({*id, scan.path});
    } else {
      others.push_back(scan.path);
    }
  }
  if (result.empty()) {
    fail("no file has a name of the form", scans.front().path, form, scans.front().name().string(),
         "correct --image-names or --label-names");
  }
  note_passed_over(others, "with other names than " + form);
  return result;
}

// `kind`: "scans" or "labels", for the message.
std::vector<CaseFiles> by_id(const std::vector<NamedScan>& scans, const char* kind) {
  std::vector<CaseFiles> cases;
  std::map<std::string, fs::path> seen;
  for (const NamedScan& scan : scans) {
    const auto [first, is_new] = seen.emplace(scan.id, scan.path);
    if (!is_new) {
      fail(fmt::format("two {} are called '{}'", kind, scan.id), scan.path, "every name once",
           first->second.string(),
           "rename one of them, or say where the id stands in the names: --image-names, "
           "--label-names");
    }
    cases.push_back({scan.id, {scan.path}, {}});
  }
  return cases;
}

// One channel: its ending is taken off where a name has it.
std::vector<CaseFiles> by_one_channel(std::vector<NamedScan> scans, const std::string& ending) {
  for (NamedScan& scan : scans) {
    if (scan.id.size() > ending.size() && scan.id.ends_with(ending))
      scan.id.resize(scan.id.size() - ending.size());
  }
  return by_id(scans, "scans");
}

std::vector<CaseFiles> by_channel(const std::vector<NamedScan>& scans,
                                  const std::vector<std::string>& channels) {
  std::vector<CaseFiles> cases;
  std::map<std::string, size_t> places;
  std::vector<fs::path> others;
  for (const NamedScan& scan : scans) {
    bool is_channel = false;
    for (size_t channel = 0; channel < channels.size(); ++channel) {
      if (!scan.id.ends_with(channels[channel])) continue;
      is_channel = true;
      const std::string id = scan.id.substr(0, scan.id.size() - channels[channel].size());
      const auto [place, is_new] = places.emplace(id, cases.size());
      if (is_new) cases.push_back({id, std::vector<fs::path>(channels.size()), {}});
      fs::path& file = cases[place->second].images[channel];
      if (!file.empty())
        fail(fmt::format("a channel of '{}' is there twice", id), scan.path, "once", file);
      file = scan.path;
    }
    if (!is_channel) others.push_back(scan.path);
  }
  const fs::path folder = scans.front().path.parent_path();
  if (cases.empty()) {
    fail("no file belongs to a channel", folder,
         fmt::format("stems that end in {}", fmt::join(channels, " or ")), scans.front().id);
  }
  for (const CaseFiles& one : cases) {
    for (size_t channel = 0; channel < channels.size(); ++channel) {
      if (!one.images[channel].empty()) continue;
      fail(fmt::format("a channel of '{}' is missing", one.id), folder, one.id + channels[channel],
           "no such file");
    }
  }
  note_passed_over(others, "without the ending of a channel");
  return cases;
}

void check_no_image(const CaseFiles& one) {
  for (const fs::path& image : one.images) {
    if (!fs::equivalent(image, one.label)) continue;
    fail("the label of a case is its image", one.label, "labels and images in different files",
         "one file for both",
         "give labels a folder of their own, or say which files are which: --image-names "
         "'volume-{id}' --label-names 'segmentation-{id}', or --label-names '{id}_seg'");
  }
}

// A folder of labels may lie below that of the images (BIDS derivatives): a label of a case is no
// image of another one.
void pass_over_labels(std::vector<CaseFiles>& cases) {
  std::set<fs::path> labels;
  for (const CaseFiles& one : cases) {
    if (!one.label.empty()) labels.insert(fs::canonical(one.label));
  }
  std::vector<fs::path> passed;
  std::erase_if(cases, [&](const CaseFiles& one) {
    const bool is_label = labels.contains(fs::canonical(one.images.front()));
    if (is_label) passed.push_back(one.images.front());
    return is_label;
  });
  note_passed_over(passed, "because they are labels of other cases");
}

}  // namespace

std::vector<CaseFiles> find_cases(const std::vector<fs::path>& inputs,
                                  const std::vector<std::string>& channels,
                                  const std::string& form) {
  const std::vector<NamedScan> scans = named(find_scans(inputs), form);
  if (channels.empty()) return by_id(scans, "scans");
  return channels.size() == 1 ? by_one_channel(scans, channels.front())
                              : by_channel(scans, channels);
}

void match_labels(std::vector<CaseFiles>& cases, const fs::path& folder, const std::string& form) {
  if (!fs::is_directory(folder)) fail("there is no such folder of labels", folder);
  std::map<std::string, fs::path> labels;
  for (const CaseFiles& label : by_id(named(find_scans({folder}), form), "labels")) {
    labels[label.id] = label.images.front();
  }
  const std::string first = labels.begin()->first;
  size_t matched = 0;
  for (CaseFiles& one : cases) {
    const auto found = labels.find(one.id);
    if (found == labels.end()) continue;
    one.label = found->second;
    check_no_image(one);
    labels.erase(found);
    ++matched;
  }
  if (matched == 0) {
    fail("no label belongs to a case", folder, cases.front().id + " and an ending of images", first,
         "call each label as its image, or say how they are called: --label-names '{id}_seg'");
  }
  pass_over_labels(cases);
  for (const CaseFiles& one : cases) {
    for (const fs::path& image : one.images) {
      std::erase_if(labels, [&](const auto& label) { return fs::equivalent(image, label.second); });
    }
  }
  if (labels.empty()) return;
  std::vector<std::string> names;
  for (const auto& [id, path] : labels) names.push_back(id);
  const size_t more = names.size() > 5 ? names.size() - 5 : 0;
  names.resize(names.size() - more);
  log::warn("labels that belong to no image are not used: {}{}", fmt::join(names, ", "),
            more > 0 ? fmt::format(" and {} more", more) : "");
}

}  // namespace semiseg
