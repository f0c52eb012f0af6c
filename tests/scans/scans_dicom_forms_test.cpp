// SPDX-License-Identifier: Apache-2.0
// Forms of DICOM that scanners and archives leave: functional groups, deflated files, no preamble,
// bytes behind the pixels, rounded positions, other objects in the folder.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cstring>

#include "datasets/convert/convert_inputs.h"
#include "framework/core/files.h"
#include "framework/scans/image_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/scan_files.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

const std::vector<int16_t> kSix = {0, 1, 2, 3, 4, 5};

class DicomForms : public testing::Test {
 protected:
  // Slices at these heights, each with the voxels 0 … 5.
  void write_slices(const std::vector<double>& heights, RawDicom raw = {},
                    const std::string& tail = "") const {
    for (size_t i = 0; i < heights.size(); ++i) {
      raw.instance = "1.2.3.4." + std::to_string(i + 1);
      raw.position = {0, 0, heights[i]};
      write_file(folder_ / ("slice" + std::to_string(i) + ".dcm"), raw.bytes(kSix) + tail);
    }
  }
  // Three frames, stored in the order 2, 0, 1 of their places.
  static RawDicom enhanced() {
    return {.frames = 3,
            .frame_positions = {{5, 6, 8}, {5, 6, 0}, {5, 6, 4}},
            .frame_slopes = {3, 1, 2}};
  }
  static std::vector<int16_t> frames() {
    std::vector<int16_t> voxels;
    for (int16_t i = 0; i < 18; ++i) voxels.push_back(i);
    return voxels;
  }
  void expect_whole(int64_t slices) const {
    const Scan scan = read_scan(folder_.path());
    EXPECT_EQ(scan.geometry.size, (std::array<int64_t, 3>{slices, 2, 3}));
    EXPECT_EQ(scan.image[0][0][0][1].item<float>(), -998);
  }
  TemporaryFolder folder_;
};

TEST_F(DicomForms, FramesAreOrderedPlacedAndRescaledByTheirGroups) {
  write_file(folder_ / "enhanced.dcm", enhanced().bytes(frames()));
  const Scan scan = read_scan(folder_ / "enhanced.dcm");
  const at::Tensor stored = at::arange(18, at::kFloat).view({3, 2, 3});
  EXPECT_TRUE(at::equal(scan.image[0], at::stack({stored[1] * 1, stored[2] * 2, stored[0] * 3})));
  const std::array<double, 16> expected = {0, 0, -0.75, -5, 0, -0.5, 0, -6, 4, 0, 0, 0, 0, 0, 0, 1};
  for (int i = 0; i < 16; ++i) EXPECT_NEAR(scan.geometry.affine[i], expected[i], 1e-6) << i;
}

TEST_F(DicomForms, FramesWithoutADescriptionAreRefused) {
  RawDicom raw = enhanced();
  raw.frame_positions.pop_back();
  write_file(folder_ / "enhanced.dcm", raw.bytes(frames()));
  expect_error(ErrorKind::kData, {"frames", "missing", "3", "2"},
               [&] { read_scan(folder_ / "enhanced.dcm"); });
}

TEST_F(DicomForms, AMissingFrameAndTwoAtOnePlaceAreRefused) {
  RawDicom raw = enhanced();
  raw.frame_positions[0][2] = 4;
  write_file(folder_ / "twice.dcm", raw.bytes(frames()));
  expect_error(ErrorKind::kData, {"same place", "frame 1", "frame 3"},
               [&] { read_scan(folder_ / "twice.dcm"); });
  raw.frame_positions[0][2] = 12;
  write_file(folder_ / "gap.dcm", raw.bytes(frames()));
  expect_error(ErrorKind::kData, {"not evenly spaced", "8 mm", "frame 3", "frame 1"},
               [&] { read_scan(folder_ / "gap.dcm"); });
}

// PS3.3, C.8.4.15: a negative distance runs against the normal.
TEST_F(DicomForms, TheSignOfTheDistanceOfFramesIsItsDirection) {
  write_file(folder_ / "spect.dcm",
             RawDicom{.frames = 3, .position = {0, 0, 40}, .between = "-4"}.bytes(frames()));
  const Scan scan = read_scan(folder_ / "spect.dcm");
  EXPECT_EQ(scan.geometry.affine[11], 32);
  EXPECT_EQ(scan.image[0][0][0][0].item<float>(), 12 * 2 - 1000);
}

TEST_F(DicomForms, ADeflatedSeriesIsRead) {
  write_slices({0, 4, 8}, {.is_deflated = true});
  expect_whole(3);
}

TEST_F(DicomForms, ACutDeflatedFileIsNamed) {
  const std::string bytes = RawDicom{.is_deflated = true}.bytes(kSix);
  write_file(folder_ / "cut.dcm", bytes.substr(0, bytes.size() - 20));
  expect_error(ErrorKind::kData, {"deflated", "cut.dcm"}, [&] { read_scan(folder_ / "cut.dcm"); });
}

TEST_F(DicomForms, BytesBehindThePixelsAreNoDamage) {
  for (const std::string& tail :
       {std::string(1, '\0'), std::string(500, '\0'), std::string(96, 'x')}) {
    write_slices({0, 4, 8}, {}, tail);
    expect_whole(3);
  }
}

TEST_F(DicomForms, FilesWithoutPreambleAreSlices) {
  write_slices({0, 4, 8}, {.has_preamble = false});
  expect_whole(3);
  fs::rename(folder_ / "slice0.dcm", folder_ / "IM0");
  fs::rename(folder_ / "slice1.dcm", folder_ / "1.2.840.1");
  expect_whole(3);
}

TEST_F(DicomForms, SecondaryCapturesWithAPlaceAreSlices) {
  write_slices({0, 4, 8}, {.sop_class = "1.2.840.10008.5.1.4.1.1.7"});
  expect_whole(3);
}

TEST_F(DicomForms, RoundedPositionsAreTakenAndZonesAreNot) {
  write_slices({0, 0.6, 1.2, 1.9, 2.5, 3.1, 3.8});  // 0.625 mm, rounded
  expect_whole(7);
  write_slices({0, 5, 10, 15, 25, 35, 45});
  expect_error(ErrorKind::kData,
               {"not evenly spaced", "5 mm", "10 mm between slice3.dcm and slice4.dcm",
                "changes its spacing"},
               [&] { read_scan(folder_.path()); });
}

// One fragment that is no JPEG stream: the codec may stop its process, not this one.
TEST_F(DicomForms, DamagedCompressedPixelsAreAnErrorOfTheFile) {
  std::string bytes = RawDicom().bytes(kSix);
  const std::string plain = "1.2.840.10008.1.2.1", jpeg = "1.2.840.10008.1.2.4.70";
  // The same element, longer by four characters: its length and that of the group follow.
  const size_t at = bytes.find(plain);
  bytes.replace(at, 20, jpeg);
  bytes[at - 2] = 22;
  bytes[140] = static_cast<char>(bytes[140] + 2);
  const size_t pixels = bytes.find("OW") + 4;
  bytes.resize(pixels);
  const auto item = [](uint16_t number, const std::string& content) {
    const uint16_t group = 0xfffe;
    const auto size = static_cast<uint32_t>(content.size());
    std::string head(8, '\0');
    std::memcpy(head.data(), &group, 2);
    std::memcpy(head.data() + 2, &number, 2);
    std::memcpy(head.data() + 4, &size, 4);
    return head + content;
  };
  bytes += std::string("\xff\xff\xff\xff") + item(0xe000, "") +
           item(0xe000, "\xff\xd8\xff\xc3 damaged stream") + item(0xe0dd, "");
  write_file(folder_ / "jpeg.dcm", bytes);
  expect_error(ErrorKind::kData, {"compressed pixels", "jpeg.dcm"},
               [&] { read_scan(folder_ / "jpeg.dcm"); });
}

TEST_F(DicomForms, ImpossibleSizesAreRefused) {
  write_file(folder_ / "one.dcm", RawDicom{.rows = 60000, .columns = 60000}.bytes(kSix));
  expect_error(ErrorKind::kData, {"cut off", "60000×60000", "12"},
               [&] { read_scan(folder_ / "one.dcm"); });
  write_file(folder_ / "one.dcm", RawDicom{.frames = 900000}.bytes(kSix));
  expect_error(ErrorKind::kData, {"number of frames", "900000"},
               [&] { read_scan(folder_ / "one.dcm"); });
}

// A disc: its directory and texts are no scan, and are not read.
TEST_F(DicomForms, TextsAndDirectoriesOfADiscArePassedOver) {
  for (const char* name : {"IM0", "IM1"}) {
    write_file(folder_ / "disc" / "PA0" / name,
               RawDicom{.position = {0, 0, name[2] == '0' ? 0. : 4.}}.bytes(kSix));
  }
  write_file(folder_ / "disc" / "DICOMDIR",
             RawDicom{.sop_class = "1.2.840.10008.1.3.10"}.bytes(kSix));
  write_file(folder_ / "disc" / "README", "texts");
  write_file(folder_ / "disc" / "PA0" / "LICENSE", "texts");
  const auto cases = find_cases({folder_ / "disc"}, {});
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].id, "PA0");
  EXPECT_EQ(read_scan(cases[0].images[0]).geometry.size[0], 2);
}

}  // namespace
}  // namespace semiseg
