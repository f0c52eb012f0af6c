// SPDX-License-Identifier: Apache-2.0
#include "datasets/convert_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "datasets/image_file.h"
#include "datasets/image_file_formats.h"
#include "framework/core/error.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string what, const fs::path& where, std::string expected = "",
                       std::string got = "", std::string fix = "") {
  throw Error(ErrorKind::kConfig, {std::move(what), where.string(), std::move(expected),
                                   std::move(got), std::move(fix)});
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

// Scans of a folder: image files, folders below, and the folder itself if it holds slices only.
void collect(const fs::path& folder, std::vector<fs::path>& scans) {
  std::set<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!is_hidden(entry.path())) entries.insert(entry.path());
  }
  bool images = false, slices = false;
  for (const fs::path& entry : entries) {
    if (fs::is_directory(entry)) {
      collect(entry, scans);
    } else if (image_format::is_slice(entry)) {
      slices = true;
    } else if (is_image_file(entry)) {
      images = true;
      scans.push_back(entry);
    }
  }
  if (slices && !images) scans.push_back(folder);
}

std::vector<fs::path> find_scans(const std::vector<fs::path>& inputs) {
  std::vector<fs::path> scans;
  for (const fs::path& input : inputs) {
    if (!fs::exists(input)) fail("there is no such file or folder", input);
    if (fs::is_directory(input)) {
      collect(input, scans);
    } else {
      scans.push_back(input);
    }
  }
  if (!scans.empty()) return scans;
  fail("no image files were found", inputs.empty() ? fs::path() : inputs.front(),
       ".nii, .nii.gz, .nrrd, .mha, .mhd, or DICOM folders", "none");
}

// `kind`: "scans" or "labels", for the message.
std::vector<CaseFiles> by_stem(const std::vector<fs::path>& scans, const char* kind) {
  std::vector<CaseFiles> cases;
  std::map<std::string, fs::path> seen;
  for (const fs::path& scan : scans) {
    const std::string id = image_stem(scan);
    const auto [first, is_new] = seen.emplace(id, scan);
    if (!is_new) {
      fail(fmt::format("two {} are called '{}'", kind, id), scan, "every name once",
           first->second.string(), "rename one of them");
    }
    cases.push_back({id, {scan}, {}});
  }
  return cases;
}

std::vector<CaseFiles> by_channel(const std::vector<fs::path>& scans,
                                  const std::vector<std::string>& channels) {
  std::vector<CaseFiles> cases;
  std::map<std::string, size_t> places;
  for (const fs::path& scan : scans) {
    const std::string stem = image_stem(scan);
    for (size_t channel = 0; channel < channels.size(); ++channel) {
      if (!stem.ends_with(channels[channel])) continue;
      const std::string id = stem.substr(0, stem.size() - channels[channel].size());
      const auto [place, is_new] = places.emplace(id, cases.size());
      if (is_new) cases.push_back({id, std::vector<fs::path>(channels.size()), {}});
      fs::path& file = cases[place->second].images[channel];
      if (!file.empty())
        fail(fmt::format("a channel of '{}' is there twice", id), scan, "once", file);
      file = scan;
    }
  }
  if (cases.empty()) {
    fail("no file belongs to a channel", scans.front().parent_path(),
         fmt::format("stems that end in {}", fmt::join(channels, " or ")),
         image_stem(scans.front()));
  }
  for (const CaseFiles& one : cases) {
    for (size_t channel = 0; channel < channels.size(); ++channel) {
      if (!one.images[channel].empty()) continue;
      fail(fmt::format("a channel of '{}' is missing", one.id), scans.front().parent_path(),
           one.id + channels[channel], "no such file");
    }
  }
  return cases;
}

}  // namespace

std::vector<CaseFiles> find_cases(const std::vector<fs::path>& inputs,
                                  const std::vector<std::string>& channels) {
  const std::vector<fs::path> scans = find_scans(inputs);
  return channels.empty() ? by_stem(scans, "scans") : by_channel(scans, channels);
}

void match_labels(std::vector<CaseFiles>& cases, const fs::path& folder) {
  if (!fs::is_directory(folder)) fail("there is no such folder of labels", folder);
  std::map<std::string, fs::path> labels;
  for (const CaseFiles& label : by_stem(find_scans({folder}), "labels")) {
    labels[label.id] = label.images.front();
  }
  size_t matched = 0;
  for (CaseFiles& one : cases) {
    const auto found = labels.find(one.id);
    if (found == labels.end()) continue;
    one.label = found->second;
    ++matched;
  }
  if (matched > 0) return;
  fail("no label belongs to a case", folder, cases.front().id + " and an ending of images",
       labels.begin()->first, "call each label as its image");
}

}  // namespace semiseg
