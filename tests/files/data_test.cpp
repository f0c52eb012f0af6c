// SPDX-License-Identifier: Apache-2.0
// HDF5 files: round trips, parts, attributes, injected faults, and an own message for each way to
// be bad.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <fcntl.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include "framework/core/files.h"
#include "framework/files/hdf5_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// A file with one dataset `x` of 64 × 32 float32.
fs::path small_file(const fs::path& path) {
  Hdf5File file = Hdf5File::create(path);
  file.write("x", at::arange(2048, at::kFloat).reshape({64, 32}));
  file.close();
  return path;
}

TEST(Hdf5, TensorsOfEveryTypeComeBackBitEqual) {
  const TemporaryFolder folder;
  const at::Tensor values = at::arange(24, at::kDouble).reshape({2, 3, 4}) / 3;
  Hdf5File out = Hdf5File::create(folder / "a.h5");
  const std::vector<at::ScalarType> types = {at::kFloat, at::kDouble, at::kLong,
                                             at::kInt,   at::kByte,   at::kBool};
  for (const auto type : types)
    out.write(std::string("by/type/") + c10::toString(type), values.to(type));
  out.close();
  const Hdf5File in = Hdf5File::open(folder / "a.h5");
  for (const auto type : types) {
    const at::Tensor read = in.read(std::string("by/type/") + c10::toString(type));
    EXPECT_EQ(read.scalar_type(), type);
    EXPECT_TRUE(at::equal(read, values.to(type))) << c10::toString(type);
  }
}

TEST(Hdf5, ScalarsEmptyTensorsAndStridesAreKept) {
  const TemporaryFolder folder;
  Hdf5File out = Hdf5File::create(folder / "a.h5");
  out.write("scalar", at::scalar_tensor(2.5, at::kDouble), {.chunk = {1}, .gzip = 4});
  out.write("empty", at::empty({0, 3}), {.chunk = {1, 3}, .gzip = 4});
  out.write("transposed", at::arange(6, at::kInt).reshape({2, 3}).t());
  out.close();
  const Hdf5File in = Hdf5File::open(folder / "a.h5");
  EXPECT_EQ(in.read("scalar").dim(), 0);
  EXPECT_EQ(in.read("scalar").item<double>(), 2.5);
  EXPECT_EQ(in.read("empty").sizes(), at::IntArrayRef({0, 3}));
  EXPECT_TRUE(at::equal(in.read("transposed"), at::arange(6, at::kInt).reshape({2, 3}).t()));
}

TEST(Hdf5, CompressionIsSmallerAndLossless) {
  const TemporaryFolder folder;
  const at::Tensor smooth = at::arange(64 * 64, at::kFloat).reshape({64, 64}).div(64, "floor");
  for (const int gzip : {0, 6}) {
    Hdf5File out = Hdf5File::create(folder / std::to_string(gzip));
    out.write("x", smooth, {.chunk = {100, 16}, .gzip = gzip});  // the first side is cut to 64
    out.close();
    EXPECT_TRUE(at::equal(Hdf5File::open(folder / std::to_string(gzip)).read("x"), smooth));
  }
  EXPECT_LT(fs::file_size(folder / "6"), fs::file_size(folder / "0") / 2);
}

TEST(Hdf5, TheSameContentGivesTheSameBytes) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_file(small_file(folder / "a.h5")), read_file(small_file(folder / "b.h5")));
}

TEST(Hdf5, APartOfAnAxisIsRead) {
  const TemporaryFolder folder;
  const at::Tensor x = at::arange(60, at::kFloat).reshape({3, 4, 5});
  Hdf5File out = Hdf5File::create(folder / "a.h5");
  out.write("x", x, {.chunk = {1, 2, 5}, .gzip = 1});
  out.close();
  const Hdf5File in = Hdf5File::open(folder / "a.h5");
  EXPECT_TRUE(at::equal(in.read_range("x", 0, 1, 2), x.slice(0, 1, 3)));
  EXPECT_TRUE(at::equal(in.read_range("x", 1, 3, 1), x.slice(1, 3, 4)));
  EXPECT_TRUE(at::equal(in.read_range("x", 2, 0, 5), x));
  for (const auto& [start, count] : {std::pair{2, 2}, {-1, 1}, {0, 0}}) {
    expect_error(ErrorKind::kData, {"smaller", "[3,4,5]"},
                 [&] { in.read_range("x", 0, start, count); });
  }
}

TEST(Hdf5, DescribesAndLists) {
  const TemporaryFolder folder;
  Hdf5File out = Hdf5File::create(folder / "a.h5");
  out.write("net/b", at::zeros({2, 3}));
  out.write("net/a", at::zeros({1}, at::kLong));
  out.create_group("extra/deep");
  out.close();
  const Hdf5File in = Hdf5File::open(folder / "a.h5");
  EXPECT_EQ(in.describe("net/b").sizes, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(in.describe("net/a").dtype, at::kLong);
  EXPECT_EQ(in.names(), (std::vector<std::string>{"extra", "net"}));
  EXPECT_EQ(in.names("net"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(in.datasets(), (std::vector<std::string>{"net/a", "net/b"}));
  EXPECT_TRUE(in.has("extra/deep"));
  EXPECT_TRUE(in.has("/net/a"));
  EXPECT_FALSE(in.has("none/at/all"));
}

TEST(Hdf5, AttributesComeBack) {
  const TemporaryFolder folder;
  Hdf5File out = Hdf5File::create(folder / "a.h5");
  out.write("x", at::zeros({1}));
  out.write_attribute("x", "text", "Grüße");
  out.write_attribute("/", "none", "");
  out.write_attribute("/", "big", int64_t{1} << 53 | 1);
  out.write_attribute("/", "third", 1.0 / 3);
  out.write_attribute("/", "list", std::vector<double>{1.5, -2});
  out.close();
  const Hdf5File in = Hdf5File::open(folder / "a.h5");
  EXPECT_EQ(in.text_attribute("x", "text"), "Grüße");
  EXPECT_EQ(in.text_attribute("/", "none"), "");
  EXPECT_EQ(in.integer_attribute("/", "big"), (int64_t{1} << 53) + 1);
  EXPECT_EQ(in.real_attribute("/", "third"), 1.0 / 3);
  EXPECT_EQ(in.reals_attribute("/", "list"), (std::vector<double>{1.5, -2}));
  EXPECT_FALSE(in.has_attribute("x", "big"));
  expect_error(ErrorKind::kData, {"'big'", "a.h5: x"}, [&] { in.integer_attribute("x", "big"); });
  expect_error(ErrorKind::kData, {"not one number"}, [&] { in.real_attribute("/", "list"); });
  expect_error(ErrorKind::kData, {"not text"}, [&] { in.text_attribute("/", "big"); });
}

TEST(Hdf5, AMissingDatasetIsNamedWithWhatIsThere) {
  const TemporaryFolder folder;
  const Hdf5File file = Hdf5File::open(small_file(folder / "a.h5"));
  expect_error(ErrorKind::kData, {"no dataset 'image'", "a.h5", "x"}, [&] { file.read("image"); });
}

TEST(Hdf5, AMissingFileAndAFolderAreTold) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::kData, {"no such file", "none.h5"},
               [&] { Hdf5File::open(folder / "none.h5"); });
  expect_error(ErrorKind::kData, {"cannot read"}, [&] { Hdf5File::open(folder.path()); });
}

TEST(Hdf5, WhatIsNotHdf5IsShown) {
  const TemporaryFolder folder;
  write_text(folder / "pointer.h5", "version https://git-lfs.github.com/spec/v1");
  write_text(folder / "binary.h5", std::string("\x1f\x8b\x08", 3));
  write_text(folder / "empty.h5", "");
  expect_error(ErrorKind::kData, {"not an HDF5 file (starts with \"version https://git-lf"},
               [&] { Hdf5File::open(folder / "pointer.h5"); });
  expect_error(ErrorKind::kData, {"\\x1f\\x8b\\x08"},
               [&] { Hdf5File::open(folder / "binary.h5"); });
  expect_error(ErrorKind::kData, {"it is empty"}, [&] { Hdf5File::open(folder / "empty.h5"); });
}

TEST(Hdf5, ATruncatedFileIsTold) {
  const TemporaryFolder folder;
  fs::resize_file(small_file(folder / "a.h5"), 3000);
  expect_error(ErrorKind::kData, {"truncated", "3000 bytes"},
               [&] { Hdf5File::open(folder / "a.h5"); });
}

TEST(Hdf5, ADamagedHeaderCarriesTheTextOfHdf5) {
  const TemporaryFolder folder;
  std::fstream file(small_file(folder / "a.h5"), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8);
  file.write("\xff\xff\xff\xff", 4);
  file.close();
  expect_error(ErrorKind::kData, {"cannot open", "superblock"},
               [&] { Hdf5File::open(folder / "a.h5"); });
}

TEST(Hdf5, AFileLockedByAnotherNamesTheSwitch) {
  const TemporaryFolder folder;
  const int other = ::open(small_file(folder / "a.h5").c_str(), O_RDWR);
  ASSERT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0);
  expect_error(ErrorKind::kData, {"locked", "HDF5_USE_FILE_LOCKING"},
               [&] { Hdf5File::open(folder / "a.h5"); });
  ::close(other);
  EXPECT_EQ(Hdf5File::open(folder / "a.h5").read("x").numel(), 2048);
}

// Fails the calls one after the other until a run meets none: every write is behind the hook.
TEST(Hdf5, EveryWriteCallCanFail) {
  const TemporaryFolder folder;
  int calls = 0;
  for (int failing = 0;; ++failing) {
    calls = 0;
    set_file_fault([&](std::string_view call, const fs::path&) {
      return call == "write" && calls++ == failing;
    });
    try {
      Hdf5File out = Hdf5File::create(folder / "a.h5");
      out.create_group("g");
      out.write("x", at::zeros({4}));
      out.write_attribute("x", "n", int64_t{1});
      out.flush();
      out.close();
      break;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kIo);
    }
  }
  set_file_fault({});
  EXPECT_EQ(calls, 7);  // create, group, dataset, its data, attribute, flush, close
  EXPECT_TRUE(Hdf5File::open(folder / "a.h5").has("x"));
}

TEST(Hdf5, WritingTheSameNameTwiceFails) {
  const TemporaryFolder folder;
  Hdf5File out = Hdf5File::create(folder / "a.h5");
  out.write("x", at::zeros({1}));
  expect_error(ErrorKind::kIo, {"H5Dcreate2", "a.h5: x"}, [&] { out.write("x", at::zeros({1})); });
}

TEST(Hdf5, ManyThreadsReadManyFiles) {
  const TemporaryFolder folder;
  small_file(folder / "a.h5");
  small_file(folder / "b.h5");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t i = 0; i < 50; ++i) {
        const Hdf5File file = Hdf5File::open(folder / ((t + i) % 2 ? "a.h5" : "b.h5"));
        wrong += file.read_range("x", 0, i, 1)[0][0].item<float>() != static_cast<float>(32 * i);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace semiseg
