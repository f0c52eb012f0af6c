// SPDX-License-Identifier: Apache-2.0
#include "datasets/numpy_volumes.h"

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "framework/core/error.h"
#include "framework/data/archive/case_checks.h"
#include "framework/data/archive/case_split.h"
#include "framework/files/npy_file.h"
#include "framework/scans/preparation.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string what, std::string where, std::string expected,
                       std::string fix = "") {
  throw Error(ErrorKind::kData, {.what = std::move(what),
                                 .where = std::move(where),
                                 .expected = std::move(expected),
                                 .got = "no such file",
                                 .fix = std::move(fix)});
}

fs::path lists_folder(const fs::path& root) {
  for (const char* name : {"split_txts", "splits_txts", "splits"})
    if (fs::is_directory(root / name)) return root / name;
  return root / "split_txts";
}

// Axes of the arrays are x, y, z where the slices lie along the last one (LA), else z, y, x.
Preparation preparation_of(const DatasetInfo& info, const IntensityOptions& intensity) {
  Preparation how;
  how.fourth_axis_is_channels = info.channels > 1;
  how.earlier_unknown = true;
  how.orientation = info.axial_axis == 2 ? "stored_xyz" : "stored";
  if (info.label_based_preparation) how.crop = "labels";
  how.intensity = intensity;
  return how;
}

}  // namespace

NumpyVolumes::NumpyVolumes(fs::path root, DatasetInfo info, IntensityOptions intensity)
    : root_(std::move(root)), lists_(lists_folder(root_)) {
  info_ = std::move(info);
  info_.preparation = preparation_of(info_, intensity).text();
  intensity_ = std::move(intensity);
  for (const fs::path& folder : {npy_folder(), lists_}) {
    if (!fs::is_directory(folder)) {
      throw Error(ErrorKind::kData, {.what = "a folder of NumPy pairs is missing",
                                     .where = folder.string(),
                                     .expected = "npy/ and split_txts/",
                                     .got = "no such folder",
                                     .fix = "set dataset.root to the folder that holds both"});
    }
  }
}

std::vector<ListLine> NumpyVolumes::read_ids(const std::string& list, const std::regex& form,
                                             const std::string& example) const {
  const fs::path path = lists_ / (list + ".txt");
  if (!fs::exists(path)) {
    fail("a list of the data set is missing", path.string(), "a text file with an id a line",
         "copy the lists that the reference ships");
  }
  auto lines = read_case_list(path, form, example);
  std::sort(lines.begin(), lines.end(),
            [](const ListLine& a, const ListLine& b) { return a.name < b.name; });
  return lines;
}

void NumpyVolumes::add_cases(const std::vector<ListLine>& lines, const ListedCases& how) {
  for (const auto& [id, where] : lines) {
    const bool has_label = fs::exists(file(id, "label"));
    cases_.push_back({.id = id,
                      .patient = patient_of(id, how.patient_mark),
                      .domain = how.domain,
                      .split = how.split,
                      .has_label = has_label});
    const char* missing = !fs::exists(file(id, "image"))   ? "image"
                          : !has_label && how.needs_labels ? "label"
                                                           : nullptr;
    if (missing) fail("a file of a listed volume is missing", where, file(id, missing).string());
  }
}

fs::path NumpyVolumes::file(const std::string& id, const char* of) const {
  return npy_folder() / fmt::format("{}_{}.npy", id, of);
}

fs::path NumpyVolumes::image_file(size_t case_index) const {
  return file(cases_.at(case_index).id, "image");
}

std::vector<int64_t> NumpyVolumes::sizes(size_t case_index) const {
  std::vector<int64_t> shape = read_npy_shape(image_file(case_index));
  if (shape.size() == 4) shape.erase(shape.begin());
  return shape;
}

Volume NumpyVolumes::read(size_t case_index) const {
  Volume volume;
  volume.image = read_npy(image_file(case_index)).to(at::kFloat);
  if (volume.image.dim() == 3) volume.image = volume.image.unsqueeze(0);
  const fs::path path = file(cases_[case_index].id, "label");
  if (fs::exists(path)) volume.label = to_label(read_npy(path), info_, path);
  return volume;
}

}  // namespace semiseg
