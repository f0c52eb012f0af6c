// SPDX-License-Identifier: Apache-2.0
// Image files: where voxels lie, what is kept on the way through a file, and what is refused.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "framework/core/files.h"
#include "framework/scans/image_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/scan_files.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

std::vector<float> counting(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

// Oblique, anisotropic, and off the origin.
ScanGeometry oblique() {
  const double c = std::cos(0.3), s = std::sin(0.3);
  ScanGeometry geometry{.size = {2, 3, 4}, .spacing_mm = {5, 1.25, 0.75}};
  geometry.affine = {0, -1.25 * s, -0.75 * c, 11.5, 0, 1.25 * c, -0.75 * s, -20.25,
                     5, 0,         0,         33,   0, 0,        0,         1};
  return geometry;
}

void expect_near(const std::array<double, 16>& a, const std::array<double, 16>& b,
                 double tolerance) {
  for (int i = 0; i < 16; ++i) EXPECT_NEAR(a[i], b[i], tolerance) << "number " << i;
}

class Scans : public testing::Test {
 protected:
  fs::path nifti(const RawNifti& header, size_t voxels = 24) {
    write_file(folder_ / "scan.nii", header.bytes(counting(voxels)));
    return folder_ / "scan.nii";
  }
  TemporaryFolder folder_;
};

TEST_F(Scans, ANiftiFileIsPlacedByItsSformColumnsTurnedToOurAxes) {
  const RawNifti header{.sform = {-0.5f, 0.1f, 0, 7, 0.2f, 0.75f, 0, 8, 0, 0, 3, 9}};
  const Scan scan = read_scan(nifti(header));
  EXPECT_EQ(scan.image.sizes(), (std::vector<int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(scan.image[0][1][2][3].item<float>(), 23);
  EXPECT_EQ(scan.image[0][0][0][1].item<float>(), 1);
  expect_near(scan.geometry.affine, {0, 0.1, -0.5, 7, 0, 0.75, 0.2, 8, 3, 0, 0, 9, 0, 0, 0, 1},
              1e-6);
  EXPECT_NEAR(scan.geometry.spacing_mm[0], 3, 1e-6);
  EXPECT_NEAR(scan.geometry.spacing_mm[2], std::hypot(0.5, 0.2), 1e-6);
}

// A turn by 90° around z: quaternion (cos 45°, 0, 0, sin 45°) takes x to y and y to -x.
TEST_F(Scans, ANiftiFileWithoutSformIsPlacedByItsQform) {
  const float half = std::sqrt(0.5f);
  const RawNifti header{.spacing = {2, 3, 4},
                        .qform_code = 1,
                        .sform_code = 0,
                        .quaternion = {0, 0, half},
                        .offset = {10, 20, 30}};
  expect_near(read_scan(nifti(header)).geometry.affine,
              {0, -3, 0, 10, 0, 0, 2, 20, 4, 0, 0, 30, 0, 0, 0, 1}, 1e-5);
}

TEST_F(Scans, TheSformWinsOverAnotherQformAsInNibabel) {
  const RawNifti header{
      .qform_code = 1, .sform_code = 4, .sform = {0, 2, 0, 1, 2, 0, 0, 2, 0, 0, 2, 3}};
  expect_near(read_scan(nifti(header)).geometry.affine,
              {0, 2, 0, 1, 0, 0, 2, 2, 2, 0, 0, 3, 0, 0, 0, 1}, 0);
}

TEST_F(Scans, AFileWithoutAffineIsReadOnlyWhenAsked) {
  const RawNifti header{.spacing = {2, 3, 4}, .sform_code = 0};
  const fs::path file = nifti(header);
  expect_error(ErrorKind::kData, {"does not say where", "scan.nii", "--allow-missing-affine"},
               [&] { read_scan(file); });
  // nibabel.Nifti1Header.get_base_affine: x to the left, centred.
  expect_near(read_scan(file, {.allow_missing_affine = true}).geometry.affine,
              {0, 0, -2, 3, 0, 3, 0, -3, 4, 0, 0, -2, 0, 0, 0, 1}, 0);
}

TEST_F(Scans, ASingularAffineIsRefused) {
  const fs::path file = nifti({.sform = {1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0}});
  expect_error(ErrorKind::kData, {"singular", "scan.nii"}, [&] { read_scan(file); });
}

TEST_F(Scans, AFourthAxisIsRefusedUnlessItHoldsChannels) {
  const fs::path file = nifti({.dim = {4, 4, 3, 2, 2, 1, 1, 1}}, 48);
  expect_error(ErrorKind::kData, {"four axes", "scan.nii", "--channels"}, [&] { read_scan(file); });
  const Scan scan = read_scan(file, {.fourth_axis_is_channels = true});
  EXPECT_EQ(scan.image.sizes(), (std::vector<int64_t>{2, 2, 3, 4}));
  EXPECT_EQ(scan.image[1][0][0][0].item<float>(), 24);
}

TEST_F(Scans, SlopeAndInterceptAreApplied) {
  const Scan scan = read_scan(nifti({.slope = 0.5f, .intercept = -3}));
  EXPECT_EQ(scan.image[0][0][0][3].item<float>(), -1.5f);
}

TEST_F(Scans, ANotFiniteVoxelIsNamed) {
  std::vector<float> voxels = counting(24);
  voxels[14] = std::numeric_limits<float>::quiet_NaN();
  write_file(folder_ / "nan.nii", RawNifti().bytes(voxels));
  expect_error(ErrorKind::kData, {"not finite", "nan.nii", "[1,0,2]", "1 such"},
               [&] { read_scan(folder_ / "nan.nii"); });
}

TEST_F(Scans, ALabelThatIsNoWholeNumberOfAByteIsNamed) {
  for (const float bad : {1.5f, -1.0f, 256.0f}) {
    std::vector<float> voxels(24);
    voxels[1] = bad;
    write_file(folder_ / "label.nii", RawNifti().bytes(voxels));
    expect_error(ErrorKind::kData, {"label value", "label.nii", "[0,0,1]"},
                 [&] { read_label_map(folder_ / "label.nii"); });
  }
}

TEST_F(Scans, CutAndUnreadableFilesAreRefused) {
  const std::string bytes = RawNifti().bytes(counting(24));
  write_file(folder_ / "cut.nii", bytes.substr(0, 400));
  write_file(folder_ / "head.nii", bytes.substr(0, 100));
  write_file(folder_ / "text.nrrd", "no image");
  write_file(folder_ / "text.mha", "no image");
  write_file(folder_ / "text.dcm", "no image");
  write_file(folder_ / "table.csv", "a,b");
  expect_error(ErrorKind::kData, {"cut off", "cut.nii", "96 bytes", "48"},
               [&] { read_scan(folder_ / "cut.nii"); });
  for (const char* name :
       {"head.nii", "text.nrrd", "text.mha", "text.dcm", "table.csv", "none.nii"}) {
    expect_error(ErrorKind::kData, {name}, [&] { read_scan(folder_ / name); });
  }
}

class Formats : public Scans, public testing::WithParamInterface<const char*> {};

TEST_P(Formats, ScansAndLabelsComeBackWhereTheyWere) {
  const fs::path file = folder_ / (std::string("case") + GetParam());
  const ScanGeometry geometry = oblique();
  const at::Tensor image = at::arange(24, at::kFloat).view({1, 2, 3, 4}) * 0.37 - 2;
  write_scan(file, image, geometry);
  const Scan scan = read_scan(file);
  EXPECT_TRUE(at::equal(scan.image, image));
  expect_near(scan.geometry.affine, geometry.affine, 2e-6);
  EXPECT_TRUE(same_grid(scan.geometry, geometry));

  const at::Tensor label = at::arange(24, at::kByte).view({2, 3, 4});
  write_label_map(file, label, geometry);
  EXPECT_TRUE(at::equal(read_label_map(file).label, label));
}

TEST_P(Formats, SeveralChannelsComeBackInOrder) {
  const fs::path file = folder_ / (std::string("case") + GetParam());
  const at::Tensor image = at::arange(48, at::kFloat).view({2, 2, 3, 4});
  write_scan(file, image, oblique());
  EXPECT_TRUE(at::equal(read_scan(file).image, image));
  expect_error(ErrorKind::kData, {"several channels"}, [&] { read_label_map(file); });
}

TEST_P(Formats, ACutFileIsRefused) {
  const fs::path file = folder_ / (std::string("case") + GetParam());
  write_scan(file, at::sin(at::arange(24000, at::kFloat) * 1.7).view({1, 20, 30, 40}),
             {.size = {20, 30, 40}});
  const std::string bytes = read_file(file);
  for (const size_t keep : {bytes.size() / 2, bytes.size() - 12}) {
    write_file(file, bytes.substr(0, keep));
    expect_error(ErrorKind::kData, {file.filename()}, [&] { read_scan(file); });
  }
}

TEST_P(Formats, AFailedWriteLeavesTheOldFile) {
  const fs::path file = folder_ / (std::string("case") + GetParam());
  write_scan(file, at::zeros({1, 2, 3, 4}), oblique());
  const std::string before = read_file(file);
  set_file_fault([](std::string_view call, const fs::path&) { return call == "write"; });
  expect_error(ErrorKind::kIo, {"cannot be written"}, [&] {
    write_scan(file, at::ones({1, 2, 3, 4}), oblique());
  });
  set_file_fault({});
  EXPECT_EQ(read_file(file), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 1);
}

INSTANTIATE_TEST_SUITE_P(Files, Formats, testing::Values(".nii", ".nii.gz", ".nrrd", ".mha"),
                         [](const auto& info) {
                           std::string name = std::string(info.param).substr(1);
                           return name == "nii.gz" ? "nii_gz" : name;
                         });

TEST_F(Scans, AShearedGridKeepsItsAffineInNifti) {
  ScanGeometry geometry = oblique();
  geometry.affine[0] = 0.4;  // the stack leans, as behind a tilted gantry
  geometry = make_geometry(geometry.size, geometry.affine, "test");
  write_scan(folder_ / "tilted.nii.gz", at::ones({1, 2, 3, 4}), geometry);
  expect_near(read_scan(folder_ / "tilted.nii.gz").geometry.affine, geometry.affine, 2e-6);
}

TEST_F(Scans, AnNrrdWithoutAPatientsSpaceIsReadOnlyWhenAsked) {
  const std::string header =
      "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 3 2\nspacings: 2 3 4\nencoding: raw\n\n";
  write_file(folder_ / "plain.nrrd", header + std::string(24, '\1'));
  expect_error(ErrorKind::kData, {"does not say where", "plain.nrrd"},
               [&] { read_scan(folder_ / "plain.nrrd"); });
  const Scan scan = read_scan(folder_ / "plain.nrrd", {.allow_missing_affine = true});
  expect_near(scan.geometry.affine, {0, 0, -2, 3, 0, 3, 0, -3, 4, 0, 0, -2, 0, 0, 0, 1}, 0);
}

TEST_F(Scans, GridsAreTheSameToAHundredthOfAVoxel) {
  const ScanGeometry a = oblique();  // 0.75 mm along W
  ScanGeometry b = a;
  for (int row = 0; row < 3; ++row) b.affine[4 * row + 3] += 0.009 * a.affine[4 * row + 2];
  EXPECT_TRUE(same_grid(a, b));
  for (int row = 0; row < 3; ++row) b.affine[4 * row + 3] += 0.002 * a.affine[4 * row + 2];
  EXPECT_FALSE(same_grid(a, b));
  b = a;
  for (int row = 0; row < 3; ++row) b.affine[4 * row + 2] *= 1.005;  // × 3 voxels
  EXPECT_FALSE(same_grid(a, b));
  EXPECT_TRUE(same_grid(a, b, 0.02));
  b = a;
  b.size[1] = 4;
  EXPECT_FALSE(same_grid(a, b));
}

TEST_F(Scans, StemsAndEndings) {
  EXPECT_EQ(image_stem("a/b.v1.nii.gz"), "b.v1");
  EXPECT_EQ(image_stem("a/B.NRRD"), "B");
  EXPECT_EQ(image_stem("series/"), "series");
  EXPECT_TRUE(is_image_file("x.Nii.GZ"));
  EXPECT_FALSE(is_image_file("x.gz"));
  expect_error(ErrorKind::kConfig, {"not written", ".png"}, [&] {
    write_scan(folder_ / "x.png", at::ones({1, 2, 3, 4}), oblique());
  });
}

}  // namespace
}  // namespace semiseg
