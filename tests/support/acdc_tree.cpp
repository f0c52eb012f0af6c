// SPDX-License-Identifier: Apache-2.0
#include "tests/support/acdc_tree.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "framework/core/files.h"
#include "framework/files/hdf5_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

std::string stem(int patient) { return fmt::format("patient{:03}_frame01", patient); }

void write_case(const fs::path& root, int patient) {
  const at::Tensor image = at::arange(48, at::kDouble).reshape({2, 4, 6}) / 48 + patient;
  const at::Tensor label = at::arange(48, at::kInt).remainder(4).to(at::kByte).reshape({2, 4, 6});
  write_pair(root / "data" / (stem(patient) + ".h5"), image, label);
  for (int slice = 0; slice < 2; ++slice) {
    write_pair(root / "data/slices" / fmt::format("{}_slice_{}.h5", stem(patient), slice + 1),
               image[slice], label[slice]);
  }
}

void write_list(const fs::path& path, const std::vector<int>& patients, bool slices) {
  std::string text;
  for (const int patient : patients) {
    if (!slices) text += stem(patient) + "\n";
    for (int slice = 1; slices && slice <= 2; ++slice)
      text += fmt::format("{}_slice_{}\n", stem(patient), slice);
  }
  write_file(path, text);
}

}  // namespace

void write_pair(const fs::path& path, const at::Tensor& image, const at::Tensor& label) {
  fs::create_directories(path.parent_path());
  Hdf5File file = Hdf5File::create(path);
  file.write("image", image);
  file.write("label", label);
  file.close();
}

void write_acdc_tree(const fs::path& root, const std::vector<int>& train,
                     const std::vector<int>& val, const std::vector<int>& test) {
  for (const auto* patients : {&train, &val, &test}) {
    for (const int patient : *patients) write_case(root, patient);
  }
  write_list(root / "train.list", train, false);
  write_list(root / "val.list", val, false);
  write_list(root / "test.list", test, false);
  write_list(root / "train_slices.list", train, true);
}

}  // namespace semiseg
