// SPDX-License-Identifier: Apache-2.0
#include "datasets/listed_hdf5.h"

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>

#include "framework/core/error.h"
#include "framework/data/archive/case_checks.h"
#include "framework/data/archive/case_list.h"
#include "framework/files/hdf5_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail_validation(const std::string& expected, const std::string& got) {
  throw Error(ErrorKind::kConfig, {.what = "the validation split cannot be made",
                                   .where = "dataset.validation",
                                   .expected = expected,
                                   .got = got});
}

}  // namespace

int64_t read_validation(const Config& section) {
  int64_t validation = 0;
  section.read(
      "validation", validation, {0, 1e6},
      "Number of scans from the end of train.list that form a validation split; 0: none, as in "
      "published runs. Set it to select weights without looking at the test split.");
  return validation;
}

void ListedHdf5::add_listed(const ScanLists& lists) {
  const auto find = [&](const char* name) {
    return find_case_list(lists.root, name, lists.data_set, lists.fix);
  };
  read_list(lists, find("train.list"), Split::kTrain);
  validate_on_last(lists.validation);
  for (const fs::path& above : {lists.root, lists.root / ".."}) {
    if (!fs::exists(above / "val.list")) continue;
    if (lists.validation > 0) fail_validation("0, or no val.list", (above / "val.list").string());
    read_list(lists, above / "val.list", Split::kVal);
    break;
  }
  read_list(lists, find("test.list"), Split::kTest);
  check_cases(cases_, lists.root);
}

// Moves the last `count` training cases, the only ones read so far, to validation.
void ListedHdf5::validate_on_last(int64_t count) {
  if (count >= std::ssize(cases_))
    fail_validation(fmt::format("fewer than the {} scans of train.list", cases_.size()),
                    std::to_string(count));
  for (auto one = cases_.end() - count; one != cases_.end(); ++one) one->split = Split::kVal;
}

void ListedHdf5::read_list(const ScanLists& lists, const fs::path& list, Split split) {
  for (const auto& [line, where] : read_case_list(list, lists.form, lists.example)) {
    std::smatch match;
    std::regex_match(line, match, lists.form);
    const std::string id = match[1];
    cases_.push_back({id, id, "", split});
    const fs::path file = image_file(cases_.size() - 1);
    if (fs::exists(file)) continue;
    throw Error(ErrorKind::kData, {.what = "a listed scan is missing",
                                   .where = where,
                                   .expected = file.string(),
                                   .got = "no such file"});
  }
}

std::vector<int64_t> ListedHdf5::sizes(size_t case_index) const {
  return Hdf5File::open(image_file(case_index)).describe("image").sizes;
}

Volume ListedHdf5::read(size_t case_index) const {
  const fs::path path = image_file(case_index);
  const Hdf5File file = Hdf5File::open(path);
  Volume volume{.image = file.read("image").to(at::kFloat).unsqueeze(0),
                .label = to_label(file.read("label"), info_, path)};
  const std::vector<double> millimetres = spacing();
  if (millimetres.empty()) return volume;
  std::copy_n(millimetres.begin(), 3, volume.spacing_mm.begin());
  volume.has_spacing = true;
  return volume;
}

}  // namespace semiseg
