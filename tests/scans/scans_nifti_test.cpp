// SPDX-License-Identifier: Apache-2.0
// Headers of NIfTI files as programs really write them: sizes below 0, units, the second version,
// impossible offsets and sizes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "framework/core/files.h"
#include "framework/scans/image_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/scan_files.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

std::vector<float> counting() {
  std::vector<float> values(24);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

template <typename Number>
void put(std::string& bytes, size_t offset, Number value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

class NiftiHeaders : public testing::Test {
 protected:
  fs::path file(const std::string& bytes) const {
    write_file(folder_ / "scan.nii", bytes);
    return folder_ / "scan.nii";
  }
  static void expect_steps(const Scan& scan, std::array<double, 3> spacing_mm) {
    for (int axis = 0; axis < 3; ++axis)
      EXPECT_NEAR(scan.geometry.spacing_mm[axis], spacing_mm[axis], 1e-5) << axis;
  }
  TemporaryFolder folder_;
};

// nibabel: absolute values, and 1 in place of 0.
TEST_F(NiftiHeaders, SizesOfVoxelsBelowZeroAreTheirAbsoluteValues) {
  const RawNifti header{.spacing = {1.5f, -2, 5}, .qform_code = 1, .sform_code = 0};
  expect_steps(read_scan(file(header.bytes(counting()))), {5, 2, 1.5});
  const RawNifti zero{.spacing = {1.5f, 2, 0}, .qform_code = 1, .sform_code = 0};
  expect_steps(read_scan(file(zero.bytes(counting()))), {1, 2, 1.5});
}

TEST_F(NiftiHeaders, TheHandednessIsThatOfTheFirstNumber) {
  std::string bytes =
      RawNifti{.spacing = {1, 2, 3}, .qform_code = 1, .sform_code = 0}.bytes(counting());
  put(bytes, 76, -1.0f);
  EXPECT_EQ(read_scan(file(bytes)).geometry.affine[8], -3);
  put(bytes, 76, 0.0f);
  EXPECT_EQ(read_scan(file(bytes)).geometry.affine[8], 3);
}

TEST_F(NiftiHeaders, LengthsBecomeMillimetres) {
  std::string bytes = RawNifti{.sform = {2, 0, 0, 7, 0, 3, 0, 8, 0, 0, 4, 9}}.bytes(counting());
  for (const auto& [unit, factor] :
       std::vector<std::pair<char, double>>{{0, 1}, {2, 1}, {10, 1}, {1, 1000}, {3, 1e-3}}) {
    bytes[123] = unit;
    const Scan scan = read_scan(file(bytes));
    expect_steps(scan, {4 * factor, 3 * factor, 2 * factor});
    EXPECT_NEAR(scan.geometry.affine[3], 7 * factor, 1e-6);
  }
  bytes[123] = 5;
  expect_error(ErrorKind::kData, {"unit of length", "xyzt_units", "5"},
               [&] { read_scan(file(bytes)); });
}

TEST_F(NiftiHeaders, CodesBeyondTheStandardSayNothing) {
  RawNifti header{.qform_code = 1, .sform_code = 77, .sform = {0, 2, 0, 1, 2, 0, 0, 2, 0, 0, 2, 3}};
  expect_steps(read_scan(file(header.bytes(counting()))), {1, 1, 1});
  header.qform_code = -4;
  expect_error(ErrorKind::kData, {"does not say where"},
               [&] { read_scan(file(header.bytes(counting()))); });
}

TEST_F(NiftiHeaders, VoxelsInsideTheHeaderAreRefused) {
  std::string bytes = RawNifti().bytes(counting());
  for (const float offset : {0.0f, 348.0f, -5.0f, std::nanf("")}) {
    put(bytes, 108, offset);
    expect_error(ErrorKind::kData, {"begin inside", "352"}, [&] { read_scan(file(bytes)); });
  }
}

TEST_F(NiftiHeaders, SizesThatTheFileCannotHoldAreRefusedBeforeMemoryIsTaken) {
  std::string bytes = RawNifti{.dim = {3, 32767, 32767, 32767, 1, 1, 1, 1}}.bytes(counting());
  expect_error(ErrorKind::kData, {"cut off", "32767×32767×32767", "96"},
               [&] { read_scan(file(bytes)); });
  bytes = RawNifti{.dim = {3, 4, -3, 2, 1, 1, 1, 1}}.bytes(counting());
  expect_error(ErrorKind::kData, {"impossible size", "-3", "axis 2"},
               [&] { read_scan(file(bytes)); });
  bytes = RawNifti{.dim = {90, 4, 3, 2, 1, 1, 1, 1}}.bytes(counting());
  expect_error(ErrorKind::kData, {"number of axes", "90"}, [&] { read_scan(file(bytes)); });
}

// Offsets are those of nifti2.h.
std::string second_version() {
  std::string bytes(544 + 96, '\0');
  put(bytes, 0, int32_t{540});
  std::memcpy(bytes.data() + 4, "n+2\0\r\n\032\n", 8);
  put(bytes, 12, int16_t{16});
  put(bytes, 14, int16_t{32});
  const std::array<int64_t, 8> dim = {3, 4, 3, 2, 1, 1, 1, 1};
  const std::array<double, 8> pixdim = {1, 1.5, -2, 5, 0, 0, 0, 0};
  put(bytes, 16, dim);
  put(bytes, 104, pixdim);
  put(bytes, 168, int64_t{544});
  put(bytes, 344, int32_t{1});
  put(bytes, 376, std::array<double, 3>{10, 20, 30});
  put(bytes, 500, int32_t{2});
  std::memcpy(bytes.data() + 544, counting().data(), 96);
  return bytes;
}

TEST_F(NiftiHeaders, TheSecondVersionIsRead) {
  const Scan scan = read_scan(file(second_version()));
  expect_steps(scan, {5, 2, 1.5});
  EXPECT_EQ(scan.geometry.affine[3], 10);
  EXPECT_TRUE(at::equal(scan.image, at::arange(24, at::kFloat).view({1, 2, 3, 4})));
}

TEST_F(NiftiHeaders, OtherBytesAreNamedAsNoNifti) {
  expect_error(ErrorKind::kData, {"not a NIfTI file", "348"},
               [&] { read_scan(file(std::string(600, 'x'))); });
  std::string bytes = RawNifti().bytes(counting());
  std::memcpy(bytes.data() + 344, "none", 4);
  expect_error(ErrorKind::kData, {"not a NIfTI file", "n+1"}, [&] { read_scan(file(bytes)); });
}

}  // namespace
}  // namespace semiseg
