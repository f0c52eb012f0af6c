// SPDX-License-Identifier: Apache-2.0
// DICOM folders: the order and place of their slices, and what makes no volume.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/scans/image_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/scan_files.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

const std::vector<int16_t> kSix = {0, 1, 2, 3, 4, 5};

TEST(Dicom, ASeriesIsOrderedByPlaceRescaledAndTurnedToRas) {
  TemporaryFolder folder;
  write_dicom_series(folder.path(), 3);
  const Scan scan = read_scan(folder.path());
  EXPECT_TRUE(at::equal(scan.image, at::arange(18, at::kFloat).view({1, 3, 2, 3}) * 2 - 1000));
  // Rows run along y (LPS) every 0.5 mm, columns along x every 0.75 mm.
  const std::array<double, 16> expected = {0, 0, -0.75, -5,  0, -0.5, 0, -6,
                                           4, 0, 0,     -10, 0, 0,    0, 1};
  for (int i = 0; i < 16; ++i) EXPECT_NEAR(scan.geometry.affine[i], expected[i], 1e-6) << i;
}

TEST(Dicom, AMissingSliceIsNamedByItsNeighbours) {
  TemporaryFolder folder;
  write_dicom_series(folder.path(), 5);
  fs::remove(folder / "slice97.1.2.3.4.dcm");
  expect_error(ErrorKind::kData, {"not evenly spaced", "4 mm", "8 mm", "slice98", "slice96"},
               [&] { read_scan(folder.path()); });
}

TEST(Dicom, SeveralSeriesInOneFolderAreRefused) {
  TemporaryFolder folder;
  write_dicom_series(folder.path(), 2);
  write_dicom_series(folder.path(), 2, "1.2.3.5");
  expect_error(ErrorKind::kData, {"several DICOM series", "1.2.3.4", "1.2.3.5"},
               [&] { read_scan(folder.path()); });
}

TEST(Dicom, TwoSlicesAtOnePlaceAreRefused) {
  TemporaryFolder folder;
  write_dicom_series(folder.path(), 3);
  write_file(folder / "again.dcm",
             RawDicom{.instance = "1.2.3.4.9", .position = {5, 6, -6}}.bytes(kSix));
  expect_error(ErrorKind::kData, {"same place"}, [&] { read_scan(folder.path()); });
}

TEST(Dicom, ASliceOfAnotherPlaneIsRefused) {
  TemporaryFolder folder;
  write_dicom_series(folder.path(), 3);
  write_file(folder / "localiser.dcm",
             RawDicom{.instance = "1.2.3.4.9", .orientation = {0, 1, 0, 0, 0, -1}}.bytes(kSix));
  expect_error(ErrorKind::kData, {"differs from the first", "orientation"},
               [&] { read_scan(folder.path()); });
}

TEST(Dicom, ATiltedStackIsShearedNotStraightened) {
  TemporaryFolder folder;
  for (int slice = 0; slice < 3; ++slice) {
    write_file(folder / (std::to_string(slice) + ".dcm"),
               RawDicom{.instance = "1.2.3.4." + std::to_string(slice + 1),
                        .position = {0, -1.5 * slice, 4. * slice}}
                   .bytes(kSix));
  }
  const Scan scan = read_scan(folder.path());
  EXPECT_NEAR(scan.geometry.affine[4], 1.5, 1e-6);
  EXPECT_NEAR(scan.geometry.affine[8], 4, 1e-6);
}

TEST(Dicom, OneFileIsAScanOfOneSlice) {
  TemporaryFolder folder;
  write_file(folder / "one.dcm", RawDicom().bytes(kSix));
  EXPECT_EQ(read_scan(folder / "one.dcm").image.sizes(), (std::vector<int64_t>{1, 1, 2, 3}));
}

TEST(Dicom, ASeriesOfSeveralFilesWithSeveralFramesIsRefused) {
  TemporaryFolder folder;
  const std::vector<int16_t> frames = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  for (int file = 0; file < 2; ++file) {
    write_file(folder / (std::to_string(file) + ".dcm"),
               RawDicom{.instance = "1.2.3.4." + std::to_string(file + 1),
                        .frames = 2,
                        .position = {0, 0, 8. * file}}
                   .bytes(frames));
  }
  expect_error(ErrorKind::kData, {"several frames", "0.dcm", "2 frames"},
               [&] { read_scan(folder.path()); });
  fs::remove(folder / "1.dcm");
  EXPECT_EQ(read_scan(folder.path(), {.allow_missing_affine = true}).image.sizes(),
            (std::vector<int64_t>{1, 2, 2, 3}));
}

TEST(Dicom, AFolderWithoutDicomAndACutSliceAreRefused) {
  TemporaryFolder folder;
  write_file(folder / "empty" / "note.txt", "no slice");
  expect_error(ErrorKind::kData, {"no DICOM series"}, [&] { read_scan(folder / "empty"); });
  const std::string bytes = RawDicom().bytes(kSix);
  write_file(folder / "cut.dcm", bytes.substr(0, bytes.size() - 40));
  expect_error(ErrorKind::kData, {"cut.dcm"}, [&] { read_scan(folder / "cut.dcm"); });
}

}  // namespace
}  // namespace semiseg
