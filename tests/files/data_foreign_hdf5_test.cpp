// SPDX-License-Identifier: Apache-2.0
// HDF5 files that came from elsewhere and say of themselves what is not so.
#include <ATen/Functions.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <functional>
#include <vector>

#include "framework/core/files.h"
#include "framework/data/archive/case_store.h"
#include "framework/files/hdf5_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

class ForeignHdf5 : public testing::Test {
 protected:
  // A file that `fill` writes by HDF5 itself.
  fs::path made(const std::function<void(hid_t)>& fill, const std::string& name = "a.h5") {
    const fs::path path = folder_ / name;
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    fill(file);
    H5Fclose(file);
    return path;
  }

  // A file whose attribute "t" holds `count` texts of 16 bytes; below 0: a null dataspace.
  fs::path texts(int count) {
    return made([count](hid_t file) {
      const hid_t type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, 16);
      const hsize_t size = static_cast<hsize_t>(std::max(count, 1));
      const hid_t space = count < 0 ? H5Screate(H5S_NULL) : H5Screate_simple(1, &size, nullptr);
      const hid_t attribute = H5Acreate2(file, "t", type, space, H5P_DEFAULT, H5P_DEFAULT);
      const std::vector<char> bytes(16 * size, 'x');
      if (count > 0) H5Awrite(attribute, type, bytes.data());
      H5Aclose(attribute);
    });
  }

  // A dataset "x" of these sizes, never written; chunked when `chunk` is given.
  fs::path dataset(const std::vector<hsize_t>& sizes, const std::vector<hsize_t>& chunk = {}) {
    return made([&](hid_t file) {
      const hid_t space = H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr);
      const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
      if (!chunk.empty()) {
        H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
        H5Pset_deflate(creation, 4);
      }
      H5Dclose(H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    });
  }

  TemporaryFolder folder_;
};

TEST_F(ForeignHdf5, AnAttributeOfSeveralTextsIsRefused) {
  for (const int count : {-1, 2, 4, 1000}) {
    const Hdf5File file = Hdf5File::open(texts(count));
    expect_error(ErrorKind::kData, {"'t' is not one text", "a.h5"},
                 [&] { file.text_attribute("/", "t"); });
  }
  EXPECT_EQ(Hdf5File::open(texts(1)).text_attribute("/", "t"), std::string(16, 'x'));
}

TEST_F(ForeignHdf5, TextOfVariableLengthIsRefused) {
  const fs::path path = made([](hid_t file) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    const hid_t attribute =
        H5Acreate2(file, "t", type, H5Screate(H5S_SCALAR), H5P_DEFAULT, H5P_DEFAULT);
    const char* text = "hello";
    H5Awrite(attribute, type, &text);
    H5Aclose(attribute);
  });
  expect_error(ErrorKind::kData, {"fixed length", "variable"},
               [&] { Hdf5File::open(path).text_attribute("/", "t"); });
}

TEST_F(ForeignHdf5, AttributesThatAreNoNumbersAreRefused) {
  const Hdf5File file = Hdf5File::open(texts(2));
  expect_error(ErrorKind::kData, {"'t' is not numbers"}, [&] { file.real_attribute("/", "t"); });
  expect_error(ErrorKind::kData, {"'t' is not numbers"}, [&] { file.integer_attribute("/", "t"); });
}

TEST_F(ForeignHdf5, ADatasetLargerThanItsFileIsRefusedBeforeMemoryIsAskedFor) {
  const std::vector<hsize_t> large = {1, 1 << 10, 1 << 10, 1 << 10},
                             overflowing = {1, 1 << 30, 1 << 30, 1 << 30},
                             endless = {1, 1, 1, hsize_t{1} << 62}, chunk = {1, 1, 64, 64};
  for (const auto& path : {dataset(large), dataset(large, chunk), dataset(overflowing, chunk),
                           dataset(endless, {1, 1, 1, 64})}) {
    expect_error(ErrorKind::kData, {"a.h5: x", "shape ["}, [&] { Hdf5File::open(path).read("x"); });
    expect_error(ErrorKind::kData, {"a.h5: x"},
                 [&] { Hdf5File::open(path).read_range("x", 0, 0, 1); });
  }
}

TEST_F(ForeignHdf5, WhatWasNeverWrittenIsZeros) {
  EXPECT_EQ(Hdf5File::open(dataset({8, 8}, {8, 8})).read("x").count_nonzero().item<int64_t>(), 0);
}

TEST_F(ForeignHdf5, WhatCompressesWellIsRead) {
  const fs::path path = folder_ / "a.h5";
  Hdf5File out = Hdf5File::create(path);
  out.write("x", at::zeros({8, 512, 512}, at::kByte), {.chunk = {1, 512, 512}, .gzip = 9});
  out.close();
  EXPECT_EQ(Hdf5File::open(path).read("x").numel(), 8 * 512 * 512);
}

TEST_F(ForeignHdf5, OtherFilesAreNotRead) {
  const fs::path secret = dataset({4, 4}, {4, 4});
  const fs::path other = folder_ / "other.h5";
  fs::rename(secret, other);
  const fs::path linked = made([&](hid_t file) {
    H5Lcreate_external(other.c_str(), "/x", file, "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/x", file, "y", H5P_DEFAULT, H5P_DEFAULT);
  });
  for (const char* name : {"x", "y"})
    expect_error(ErrorKind::kData, {"a.h5"}, [&] { Hdf5File::open(linked).read(name); });
  write_file(folder_ / "raw", std::string(64, 's'));
  const fs::path stored = made([&](hid_t file) {
    const hsize_t size = 16;
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, (folder_ / "raw").c_str(), 0, 64);
    H5Dclose(H5Dcreate2(file, "x", H5T_IEEE_F32LE, H5Screate_simple(1, &size, nullptr), H5P_DEFAULT,
                        creation, H5P_DEFAULT));
  });
  expect_error(ErrorKind::kData, {"another file", "a.h5: x"},
               [&] { Hdf5File::open(stored).read_range("x", 0, 0, 1); });
}

TEST_F(ForeignHdf5, AnIndexNamesCasesOfItsOwnFolderOnly) {
  for (const char* id : {"../a", "/etc/passwd", "b/a", "..", "a\x1b[2J"}) {
    write_file(folder_ / "s/index.csv",
               fmt::format("# semiseg case store: 1\n# name: s\n# classes: b,a\n# channels: 1\n"
                           "id,patient,centre,split\n{},p,,train\n",
                           id));
    expect_error(ErrorKind::kData, {"index.csv:6"}, [&] { StoreSource(folder_ / "s"); });
  }
}

}  // namespace
}  // namespace semiseg
