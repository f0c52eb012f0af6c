// SPDX-License-Identifier: Apache-2.0
// One scan in every container, space and order of axes is one result; headers that reach outside
// their folder, claim too much or lack their slices are none.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/scans/grid_match.h"
#include "framework/scans/image_file.h"
#include "framework/scans/preparation.h"
#include "tests/support/expect_error.h"
#include "tests/support/scan_files.h"
#include "tests/support/temporary_folder.h"

namespace semiseg {
namespace {
namespace fs = std::filesystem;

// x to the left, y to the front, z upwards: 1.5, 2 and 3 mm; 4 × 3 × 2 voxels along x, y, z.
ScanGeometry grid() {
  return make_geometry({2, 3, 4}, {0, 0, -1.5, 9, 0, 2, 0, -8, 3, 0, 0, 5, 0, 0, 0, 1}, "grid");
}
at::Tensor image() { return at::arange(24, at::kFloat).view({1, 2, 3, 4}); }

std::string raw_voxels() {
  std::string bytes;
  for (int16_t i = 0; i < 24; ++i) bytes.append(reinterpret_cast<const char*>(&i), 2);
  return bytes;
}

std::string nrrd(const std::string& space, const std::string& directions, const std::string& origin,
                 const std::string& more = "") {
  return "NRRD0004\ntype: int16\ndimension: 3\nsizes: 4 3 2\nendian: little\nencoding: "
         "raw\nspace: " +
         space + "\nspace directions: " + directions + "\nspace origin: " + origin + "\n" + more +
         "\n";
}

std::string meta(const std::string& data, const std::string& more = "") {
  return "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n" +
         more +
         "TransformMatrix = 1 0 0 0 -1 0 0 0 1\nOffset = -9 8 5\nElementSpacing = 1.5 2 3\n"
         "DimSize = 4 3 2\nElementType = MET_SHORT\nElementDataFile = " +
         data + "\n";
}

class Containers : public testing::Test {
 protected:
  void expect_the_scan(const fs::path& path, const ReadOptions& options = {}) const {
    SCOPED_TRACE(path.filename().string());
    const Scan scan = read_scan(path, options);
    const PreparedCase made = prepare(scan, nullptr, {}, path);
    const PreparedCase expected = prepare({image(), grid()}, nullptr, {}, "grid");
    EXPECT_TRUE(at::equal(made.image, expected.image));
    for (int i = 0; i < 16; ++i)
      EXPECT_NEAR(made.geometry.affine[i], expected.geometry.affine[i], 1e-5) << i;
  }
  fs::path put(const std::string& name, const std::string& bytes) const {
    write_file(folder_ / name, bytes);
    return folder_ / name;
  }
  void expect_refused(const std::string& name, const std::string& bytes,
                      const std::vector<std::string>& words) const {
    const fs::path path = put(name, bytes);
    expect_error(ErrorKind::kData, words, [&] { read_scan(path); });
  }
  TemporaryFolder folder_;
};

TEST_F(Containers, OurOwnFilesInEveryOrderOfAxesAreOneScan) {
  Orientation turn;
  do {
    for (int flips = 0; flips < 8; ++flips) {
      for (int axis = 0; axis < 3; ++axis) turn.flip[axis] = (flips >> axis & 1) != 0;
      for (const char* ending : {".nii", ".nii.gz", ".nrrd", ".mha"}) {
        const fs::path path = folder_ / (std::string("scan") + ending);
        write_scan(path, reorient(image(), turn), reorient(grid(), turn));
        expect_the_scan(path);
      }
    }
  } while (std::next_permutation(turn.axis.begin(), turn.axis.end()));
}

TEST_F(Containers, NrrdSpacesAndUnitsAreOneScan) {
  const std::string v = raw_voxels();
  expect_the_scan(put(
      "ras.nrrd", nrrd("right-anterior-superior", "(-1.5,0,0) (0,2,0) (0,0,3)", "(9,-8,5)") + v));
  expect_the_scan(put(
      "las.nrrd", nrrd("left-anterior-superior", "(1.5,0,0) (0,2,0) (0,0,3)", "(-9,-8,5)") + v));
  expect_the_scan(put("las_short.nrrd", nrrd("LAS", "(1.5,0,0) (0,2,0) (0,0,3)", "(-9,-8,5)") + v));
  expect_the_scan(put(
      "lps.nrrd", nrrd("left-posterior-superior", "(1.5,0,0) (0,-2,0) (0,0,3)", "(-9,8,5)") + v));
  expect_the_scan(put("cm.nrrd", nrrd("LPS", "(0.15,0,0) (0,-0.2,0) (0,0,0.3)", "(-0.9,0.8,0.5)",
                                      "space units: \"cm\" \"cm\" \"cm\"\n") +
                                     v));
  put("voxels.raw", v);
  expect_the_scan(put("detached.nhdr", nrrd("RAS", "(-1.5,0,0) (0,2,0) (0,0,3)", "(9,-8,5)",
                                            "data file: voxels.raw\n")));
  for (const char* space : {"scanner-xyz", "3D-right-handed", "3D-left-handed"}) {
    expect_refused("other.nrrd", nrrd(space, "(1,0,0) (0,1,0) (0,0,1)", "(0,0,0)") + v,
                   {"does not say where", "other.nrrd"});
  }
}

TEST_F(Containers, MetaImagesWithTheirFilesAreOneScan) {
  const std::string v = raw_voxels();
  expect_the_scan(put("local.mha", meta("LOCAL") + v));
  put("slice1.raw", v.substr(0, 24));
  put("slice2.raw", v.substr(24));
  expect_the_scan(put("pattern.mhd", meta("slice%d.raw 1 2 1")));
  expect_the_scan(put("list.mhd", meta("LIST\nslice1.raw\nslice2.raw")));
  expect_the_scan(put("list2.mhd", meta("LIST 2\nslice1.raw\nslice2.raw")));
}

TEST_F(Containers, DicomIsTheSameScan) {
  // Slices 3 mm apart; columns run to the left, rows to the front. Stored values: (value + 1000) /
  // 2.
  for (int slice = 0; slice < 2; ++slice) {
    std::vector<int16_t> voxels;
    for (int i = 0; i < 12; ++i) voxels.push_back(static_cast<int16_t>(500 + 6 * slice + i / 2));
    const RawDicom raw{.instance = "1.2.3.4." + std::to_string(slice + 1),
                       .rows = 3,
                       .columns = 4,
                       .spacing = {2, 1.5},
                       .position = {-9, 8, 5 + 3. * slice},
                       .orientation = {1, 0, 0, 0, -1, 0}};
    write_file(folder_ / "series" / ("z" + std::to_string(9 - slice)), raw.bytes(voxels));
  }
  const Scan scan = read_scan(folder_ / "series");
  const PreparedCase made = prepare(scan, nullptr, {}, "series");
  const at::Tensor even = image().div(2).floor() * 2;
  const PreparedCase expected = prepare({even, grid()}, nullptr, {}, "grid");
  EXPECT_TRUE(at::equal(made.image, expected.image));
  for (int i = 0; i < 16; ++i)
    EXPECT_NEAR(made.geometry.affine[i], expected.geometry.affine[i], 1e-5) << i;
}

TEST_F(Containers, MissingSlicesAreNeverVoxels) {
  put("slice1.raw", raw_voxels().substr(0, 24));
  expect_refused("a.mhd", meta("slice%d.raw 1 2 1"), {"missing", "slice2.raw"});
  expect_refused("b.mhd", meta("LIST\nslice1.raw\nslice2.raw"), {"missing", "slice2.raw"});
  put("slice2.raw", "short");
  expect_refused("a.mhd", meta("slice%d.raw 1 2 1"), {"cut off", "24 bytes"});
  expect_refused("c.mha",
                 meta("LOCAL", "CompressedData = True\nCompressedDataSize = 8\n") + "damaged!",
                 {"packed voxels", "damaged"});
}

TEST_F(Containers, FilesElsewhereAndFormatsAreNotFollowed) {
  const std::string ras = "(-1.5,0,0) (0,2,0) (0,0,3)";
  put("voxels.raw", raw_voxels());
  for (const std::string name : {"/etc/passwd", "../voxels.raw", "x%s%n 1 2 1", "x%300d 1 2 1",
                                 "x%d%d 1 2 1", "x%d 1 2000000000 1"}) {
    expect_refused("a.mhd", meta(name), {"names a data file"});
    expect_refused("a.nhdr", nrrd("RAS", ras, "(0,0,0)", "data file: " + name + "\n"),
                   {"names a data file"});
  }
}

// ITK's reader has 80 bytes for each word of a list or a pattern, ends keys at colons and texts at
// bytes 0, and takes the last of several values.
TEST_F(Containers, MetaImagesThatItkReadsOtherwiseAreRefused) {
  put("slice1.raw", raw_voxels().substr(0, 24));
  put("slice2.raw", raw_voxels().substr(24));
  const std::string word(80, 'x');
  put(word + "1.raw", raw_voxels().substr(0, 24));
  put(word + "2.raw", raw_voxels().substr(24));
  expect_refused("a.mhd", meta("LIST" + word + "\nslice1.raw\nslice2.raw"), {"at most 79 bytes"});
  expect_refused("a.mhd", meta(word + "%d.raw 1 2 1"), {"at most 79 bytes"});
  put(word + ".raw", raw_voxels());
  expect_the_scan(put("long.mhd", meta(word + ".raw")));
  const std::string local = meta("LOCAL");
  for (const std::string& bad : {std::string("NDims: 9 = 1\n"), std::string("NDims\0 = 9\n", 11),
                                 std::string("Comment = a\0b\n", 14)})
    expect_refused("a.mha", bad + local + raw_voxels(), {"not a MetaImage header"});
  expect_refused("a.mha", "NDims = 3\n" + local + raw_voxels(), {"NDims", "every key once"});
}

TEST_F(Containers, HeadersThatClaimTooMuchAreRefusedFirst) {
  expect_refused("a.mha", std::string(500, 'K') + " = 1\n" + meta("LOCAL") + raw_voxels(),
                 {"not a MetaImage header"});
  expect_refused("a.mha", "NDims = 99999999999\n" + meta("LOCAL").substr(30), {"NDims"});
  std::string big = nrrd("RAS", "(1,0,0) (0,1,0) (0,0,1)", "(0,0,0)");
  big.replace(big.find("4 3 2"), 5, "99999 99999 99999");
  expect_refused("a.nrrd", big + raw_voxels(), {"cut off", "99999×99999×99999", "48"});
}

TEST_F(Containers, LabelsAboveAByteAreNumberedByTheirValues) {
  const at::Tensor label = at::tensor({0, 205, 420, 850}).repeat({2, 3, 1}).to(at::kShort);
  write_label_map(folder_ / "label.nii.gz", label, grid());
  expect_error(ErrorKind::kData, {"0 to 255", "420", "--label-values"},
               [&] { read_label_map(folder_ / "label.nii.gz"); });
  const LabelMap map =
      read_label_map(folder_ / "label.nii.gz", {.label_values = {0, 205, 420, 850}});
  EXPECT_TRUE(at::equal(map.label, at::arange(4).repeat({2, 3, 1}).to(at::kByte)));
  expect_error(ErrorKind::kData, {"not listed", "850"}, [&] {
    read_label_map(folder_ / "label.nii.gz", {.label_values = {0, 205, 420}});
  });
}

TEST_F(Containers, LabelsAreWholeToAThousandth) {
  write_scan(folder_ / "label.nii", at::full({1, 2, 3, 4}, 12.9998, at::kFloat), grid());
  EXPECT_EQ(read_label_map(folder_ / "label.nii").label.max().item<int64_t>(), 13);
}

TEST_F(Containers, ALabelInAnotherOrderOfAxesIsPutInThatOfItsImage) {
  const at::Tensor label = at::arange(24).view({2, 3, 4}).to(at::kByte);
  const Orientation turn{.axis = {2, 0, 1}, .flip = {true, false, true}};
  const LabelMap turned{reorient(label, turn), reorient(grid(), turn)};
  const PreparedCase made = prepare({image(), grid()}, &turned, {.orientation = "stored"}, "label");
  EXPECT_TRUE(at::equal(made.label, label));
}

TEST_F(Containers, GridsApartAreRefusedWithTheirDistance) {
  ScanGeometry other = grid();
  other.affine[3] += 0.014;  // less than a hundredth of 1.5 mm
  const LabelMap near{at::zeros({2, 3, 4}, at::kByte), other};
  EXPECT_NO_THROW(prepare({image(), grid()}, &near, {}, "label"));
  other.affine[3] += 0.286;
  const LabelMap far{at::zeros({2, 3, 4}, at::kByte), other};
  expect_error(ErrorKind::kData, {"different grids", "0.2 voxels", "0.3 mm", "--grid-tolerance"},
               [&] {
                 prepare({image(), grid()}, &far, {}, "label");
               });
  EXPECT_NO_THROW(prepare({image(), grid()}, &far, {.grid_tolerance = 0.25}, "label"));
}

}  // namespace
}  // namespace semiseg
